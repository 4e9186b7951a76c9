"""What the user asks for: which classes, and whether the images have labels of them to be measured on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import TASK, Dataset
from regraft.data.listing import IMAGE_EXTENSIONS
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError
from regraft.transferability.overlap import match
from regraft.zero_shot.described import Described
from regraft.zero_shot.descriptions import read_descriptions
from regraft.zero_shot.naming import check_distinct, class_list, readable


@dataclass(frozen=True, eq=False)
class Asked:
    """What is to be told apart, and the labelled images to measure it on.

    Parameters
    ----------
    described : Described
    dataset : Dataset or None
        None where the images have no labels of these classes.
    notes : tuple of str
    """

    described: Described
    dataset: Dataset | None
    notes: tuple[str, ...] = ()


def settle(
    data: Any,
    labels: Any,
    classes: str | Sequence[str] | None,
    descriptions: str | Path | Mapping[str, str] | None,
    trained: Sequence[str],
    reading: Mapping[str, Any],
) -> Asked:
    """Decide what is asked for.

    Parameters
    ----------
    data, labels
        As in `zeroshot`.
    classes : str, sequence of str or None
        Without them and without descriptions, the labelled data's own.
    descriptions : path, mapping or None
    trained : sequence of str
        Classes that are there already.
    reading : mapping
        The user's options of how labelled data are read.

    Raises
    ------
    UsageError
        If the classes cannot be used.
    DataError
        If labelled data are needed and there are none, or the descriptions cannot be read.
    """
    texts = _texts(descriptions)
    least = 1 if trained else 2
    if classes is None and texts:
        classes = list(texts)
        names = class_list(classes, "--descriptions", least)
    elif classes is not None:
        names = class_list(classes, least=least)
    else:
        return _of_data(data, labels, trained, reading)
    check_distinct([*trained, *names], "--classes, with the model's own,")
    described = Described(names, _texts_of(names, texts))
    dataset, notes = _labels_of(data, labels, (*trained, *names), reading)
    return Asked(described, dataset, notes)


def _of_data(data: Any, labels: Any, trained: Sequence[str], reading: Mapping[str, Any]) -> Asked:
    """Return the classes of labelled data, less those that are trained already."""
    if data is None:
        raise UsageError(
            'Zero-shot must be told the classes: name them with --classes "cat, dog", describe them in a file with '
            "--descriptions, or give labelled images."
        )
    try:
        dataset = read_source(data, labels=labels, **reading)
    except DataError as error:
        raise DataError(f"Without --classes the images must have labels, but: {error}") from error
    known = {readable(name).casefold() for name in trained}
    names = [name for name in dataset.class_names if readable(name).casefold() not in known]
    if not names:
        raise UsageError(
            "The data must have a class that the model has not, but it knows them all; name new ones with --classes."
        )
    described = Described(class_list(names, "The data", 1 if trained else 2), ("",) * len(names))
    return Asked(described, _with_classes(dataset, (*trained, *described.names)))


def _texts(descriptions: str | Path | Mapping[str, str] | None) -> dict[str, str]:
    if descriptions is None:
        return {}
    if isinstance(descriptions, Mapping):
        return {str(name): str(text).strip() for name, text in descriptions.items()}
    return read_descriptions(descriptions)


def _texts_of(names: Sequence[str], texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the text of each class; raise UsageError for the text of a class that is not asked for."""
    by_form = {readable(name).casefold(): text for name, text in texts.items()}
    wanted = {readable(name).casefold() for name in names}
    strange = [name for name in texts if readable(name).casefold() not in wanted]
    if strange:
        raise UsageError(
            f"--descriptions may only describe the classes ({', '.join(names[:10])}), but has "
            f"{', '.join(strange[:5])}; add them to --classes, or leave --classes out."
        )
    return tuple(by_form.get(readable(name).casefold(), "") for name in names)


def _labels_of(
    data: Any, labels: Any, names: Sequence[str], reading: Mapping[str, Any]
) -> tuple[Dataset | None, tuple[str, ...]]:
    """Return the labelled images of these classes; None where the images have no labels, or others."""
    told = labels is not None or any(reading.values())
    if not told and not isinstance(data, Dataset) and not _may_have_labels(data):
        return None, ()
    try:
        dataset = read_source(data, labels=labels, **reading)
    except DataError:
        if told:
            raise
        return None, ()
    found = _with_classes(dataset, names)
    if found is not None:
        return found, ()
    strange = [name for name in dataset.class_names if _position(name, names) is None]
    sentence = f"its labels {', '.join(strange[:5])}{', ...' if len(strange) > 5 else ''} are not among the classes"
    if told:
        raise DataError(f"The data may only have the classes asked for, but {sentence}; name them, too.")
    return None, (f"Not evaluated: {sentence}.",)


def _may_have_labels(data: Any) -> bool:
    """Whether a source is one folder, table, HDF5 file or archive; a list, an image or an array has no labels."""
    if not isinstance(data, str | os.PathLike):
        return False
    path = Path(data).expanduser()
    return path.is_dir() or (path.is_file() and not path.name.lower().endswith(IMAGE_EXTENSIONS))


def _with_classes(dataset: Dataset, names: Sequence[str]) -> Dataset | None:
    """Return the dataset with these classes, in this order; None where it has another one.

    "cats" is "cat": a folder may be called in the plural.
    """
    order = [_position(name, names) for name in dataset.class_names]
    if None in order or len(set(order)) < len(order):
        return None
    y: npt.NDArray[np.int64] = np.array(order, np.int64)[dataset.y]
    return replace(dataset, labels={TASK: y}, classes={TASK: tuple(names)})


def _position(name: str, names: Sequence[str]) -> int | None:
    forms = [readable(other).casefold() for other in names]
    if readable(name).casefold() in forms:
        return forms.index(readable(name).casefold())
    [found] = match([name], [other.replace(",", " ") for other in names]).matches
    return found[0] if len(found) == 1 else None
