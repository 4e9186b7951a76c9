"""From labels as they are written to classes and a checked Dataset: where every reader ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import NOUNS, SPLITS, TASK, Dataset, Skipped
from regraft.data.splits import check_no_group_straddles, settle
from regraft.errors import DataError

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_INTEGRAL = re.compile(r"(-?[0-9]{1,18})(\.0*)?")


def as_text(values: Iterable[Any]) -> list[str]:
    """Return labels as text: None and NaN are empty, and 1.0 is "1" where all labels are whole numbers."""
    text = [_one_as_text(value) for value in values]
    matches = [_INTEGRAL.fullmatch(label) for label in text if label]
    if all(matches):
        return [label.split(".")[0] for label in text]
    return text


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels sorted: by number if all are integers, else by text."""
    distinct = set(labels)
    if all(_INTEGER.fullmatch(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (int(label), label)))
    return tuple(sorted(distinct))


def labelled(
    examples: Sequence[Any],
    names: Sequence[str],
    labels: Sequence[str],
    *,
    classes: Sequence[str] | None = None,
    split: Sequence[str] | None = None,
    called: Mapping[str, str] | None = None,
    groups: Sequence[str] | None = None,
    domain: Sequence[str] | None = None,
    name: str = "data",
    notes: Sequence[str] = (),
    skipped: Sequence[Skipped] = (),
    modality: str = "image",
    learns: bool = True,
) -> Dataset:
    """Build the dataset of labelled examples, and check that something can be learnt from it.

    Parameters
    ----------
    examples, names, labels : sequences of length n
        The examples, what the user calls them, and their labels as text; those without a label are skipped.
    classes : sequence of str, optional
        The order of the classes, where the source has one; else they are sorted.
    split : sequence of str of length n, optional
        "train", "val" or "test" for each example.
    called : mapping of str to str, optional
        What the user calls the parts of the split, for messages.
    groups : sequence of str of length n, optional
        Examples of one group never straddle a split.
    domain : sequence of str of length n, optional
        Where each example is from.
    name, notes, skipped, modality
        As in `Dataset`.
    learns : bool
        Whether it is to be learnt from; else one class is enough, and any part of a split.

    Raises
    ------
    DataError
        If no labelled example is left, if there is only one class, if a class is evaluated but
        never learnt, if nothing is for training, or if a group straddles the split.
    """
    kept = [i for i, label in enumerate(labels) if label]
    skipped = [*skipped, *(Skipped(names[i], "empty label") for i, label in enumerate(labels) if not label)]
    if not kept:
        raise DataError(
            f"{name} has no labelled {NOUNS[modality][0]} left: {len(skipped)} were skipped{_first_reason(skipped)}."
        )
    order = class_order(labels[i] for i in kept)
    if classes is not None:
        absent = [c for c in classes if c not in set(order)]
        order = tuple(c for c in classes if c not in absent)
        if absent:
            notes = [*notes, f"no {NOUNS[modality][0]} has the class {', '.join(absent)}: it is left out"]
    index = {c: i for i, c in enumerate(order)}
    notes = list(notes)
    parts: npt.NDArray[np.str_] | None = None
    if split is not None:
        of_kept = [split[i] for i in kept]
        if learns or "train" in of_kept:
            parts, note = settle(of_kept, called)
            notes += [note] if note else []
    dataset = Dataset(
        examples=[examples[i] for i in kept],
        names=tuple(names[i] for i in kept),
        labels={TASK: np.array([index[labels[i]] for i in kept], dtype=np.int64)},
        classes={TASK: order},
        split=parts,
        groups=None if groups is None else np.array([groups[i] for i in kept], dtype=np.str_),
        domain=None if domain is None else np.array([domain[i] for i in kept], dtype=np.str_),
        name=name,
        notes=tuple(notes),
        skipped=tuple(skipped),
        modality=modality,
    )
    if learns:
        _check_classes(dataset)
        check_no_group_straddles(dataset)
    return dataset


def _check_classes(dataset: Dataset) -> None:
    """Raise unless there are two classes, each of them with something to learn from."""
    if len(dataset.class_names) < 2:
        raise DataError(
            f"{dataset.name} has only one class, {dataset.class_names[0]!r}, and at least two are needed: "
            f"add {dataset.things} of another class, or check where the labels come from."
        )
    learnt = set(dataset.y[dataset.part("train")].tolist())
    for part in SPLITS[1:]:
        unknown = [c for c in np.unique(dataset.y[dataset.part(part)]).tolist() if c not in learnt]
        if unknown:
            names = ", ".join(repr(dataset.class_names[c]) for c in unknown[:5])
            raise DataError(
                f"{part} has the class {names}, of which train has no {NOUNS[dataset.modality][0]}: "
                f"add {dataset.things} of it to train, or take it out of {part}."
            )


def _one_as_text(value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace").strip()
    return str(value).strip()


def _first_reason(skipped: Sequence[Skipped]) -> str:
    return f", the first, {skipped[0].name}, for: {skipped[0].reason}" if skipped else ""
