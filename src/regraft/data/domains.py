"""Data from several domains, such as cameras, products or speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import TASK, Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.labels import class_order
from regraft.data.listing import EXTENSIONS, descend, list_folder
from regraft.data.modality import of_folder
from regraft.data.sources import read_source
from regraft.data.splits import part_of
from regraft.errors import DataError, UsageError


def read_domains(source: Any, **options: Any) -> Dataset:
    """Read labelled data that may be of several domains.

    Parameters
    ----------
    source : Dataset, str, Path, or mapping of str to any of these
        As for `read_source`; a folder of domain folders, each with the class folders of the same classes; a table with
        a column of domains; or several sources by name.
    **options
        Of `read_source`.

    Returns
    -------
    Dataset
        With the domain of each example; None where nothing says that there are several.

    Raises
    ------
    DataError
        If a source cannot be read as labelled data, or they are of different modalities.
    """
    if isinstance(source, Mapping):
        if not source:
            raise DataError("There must be a source to learn from, but none is given; name one.")
        return join({str(name): read_source(each, **options) for name, each in source.items()})
    if isinstance(source, str | Path) and not options.get("label_from_name"):
        folders = domain_folders(Path(source).expanduser())
        if folders:
            # A domain may lack classes that others have; together they must do.
            parts = {printable(folder.name): read_source(folder, learns=False, **options) for folder in folders}
            name = printable(Path(source).expanduser().resolve().name)
            joined = join(parts, name)
            shown = ", ".join(f"{domain} ({len(part):,})" for domain, part in parts.items())
            note = f"the folders are domains, and theirs are the classes: {shown}"
            return replace(joined, notes=(note, *joined.notes))
    return _with_domains(read_source(source, **options))


def _with_domains(dataset: Dataset) -> Dataset:
    """Return a dataset without the examples whose domain is not known, where there are domains."""
    if dataset.domain is None or (dataset.domain != "").all():
        return dataset
    empty = np.flatnonzero(dataset.domain == "")
    skipped = tuple(Skipped(dataset.names[i], "empty domain") for i in empty)
    kept = with_classes_present(dataset.take(dataset.domain != ""))
    return replace(kept, skipped=(*dataset.skipped, *skipped))


def domain_folders(folder: Path) -> list[Path]:
    """Return the folders of a folder that are domains: each has class folders, and most have the same ones."""
    if not folder.is_dir():
        return []
    extensions = EXTENSIONS[of_folder(folder)]
    top = descend(folder, extensions=extensions)
    listing = list_folder(top, extensions)
    if len(listing.folders) < 2 or listing.files or any(part_of(name) for name in listing.folders):
        return []
    classes = [_class_folders(top / name, extensions) for name in listing.folders]
    if any(not each for each in classes):
        return []
    every = set().union(*classes)
    shared = sum(len(each) for each in classes) / len(every)
    # Class folders with folders of their own seldom share names: domains nearly always do.
    return [top / name for name in listing.folders] if len(every) > 1 and shared > len(classes) / 2 else []


def _class_folders(folder: Path, extensions: tuple[str, ...]) -> set[str]:
    """Return the names of the class folders of one domain; empty where it has files beside them."""
    listing = list_folder(folder, extensions)
    if listing.files:
        return set()
    parts = [name for name in listing.folders if part_of(name)]
    if parts and len(parts) == len(listing.folders):
        return set().union(*(list_folder(folder / part, extensions).folders for part in parts))
    return set(listing.folders)


def join(parts: Mapping[str, Dataset], name: str | None = None) -> Dataset:
    """Return several datasets as one, with the name of each as the domain of its examples.

    Raises
    ------
    DataError
        If they are of different modalities.
    """
    first = next(iter(parts.values()))
    other = next((domain for domain, part in parts.items() if part.modality != first.modality), None)
    if other is not None:
        raise DataError(
            f"The sources must hold examples of one kind, but {next(iter(parts))} holds {first.things} and {other} "
            f"{parts[other].things}; adapt between {first.things}, or between {parts[other].things}."
        )
    order = class_order(label for part in parts.values() for label in part.class_names)
    several = len(parts) > 1
    splits = [
        np.full(len(part), "train", "<U5") if part.split is None else part.split.astype("<U5")
        for part in parts.values()
    ]
    return Dataset(
        examples=[example for part in parts.values() for example in part.examples],
        names=tuple(f"{domain}/{each}" if several else each for domain, part in parts.items() for each in part.names),
        labels={TASK: np.concatenate([_positions(order, part.class_names)[part.y] for part in parts.values()])},
        classes={TASK: order},
        split=None if all(part.split is None for part in parts.values()) else np.concatenate(splits),
        groups=_joined([(domain, part.groups, part.names) for domain, part in parts.items()]),
        domain=np.concatenate(
            [np.full(len(part), domain) if part.domain is None else part.domain for domain, part in parts.items()]
        ),
        modality=first.modality,
        name=name or "+".join(parts),
        notes=tuple(f"{domain}: {note}" if several else note for domain, part in parts.items() for note in part.notes),
        skipped=tuple(
            Skipped(f"{domain}/{each.name}" if several else each.name, each.reason)
            for domain, part in parts.items()
            for each in part.skipped
        ),
        _keep=[part._keep for part in parts.values()],
    )


def _joined(parts: Sequence[tuple[str, npt.NDArray[np.str_] | None, tuple[str, ...]]]) -> npt.NDArray[np.str_] | None:
    """Return the groups of several datasets; where one has none, each of its examples is a group."""
    if all(groups is None for _, groups, _ in parts):
        return None
    return np.array(
        [f"{domain}/{each}" for domain, groups, names in parts for each in (names if groups is None else groups)]
    )


def _positions(order: tuple[str, ...], names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    return np.array([order.index(name) for name in names], np.int64)


def select_domains(dataset: Dataset, wanted: Sequence[str], option: str) -> Dataset:
    """Return the examples of some domains.

    Raises
    ------
    UsageError
        If the data have no domains, or none of that name.
    """
    if dataset.domain is None:
        raise UsageError(
            f"{option} must name a domain of the data, but {dataset.name} says nothing of domains; put them in folders "
            "domain/class/file, or give the table a column called domain."
        )
    known = sorted(set(dataset.domain.tolist()))
    missing = [name for name in wanted if name not in known]
    if missing or not wanted:
        shown = repr(missing[0]) if missing else "nothing"
        raise UsageError(f"{option} must be among the domains {', '.join(known)}, not {shown}.")
    return with_classes_present(dataset.take(np.isin(dataset.domain, list(wanted))))


def with_classes_present(dataset: Dataset) -> Dataset:
    """Return the dataset with those classes alone that it has examples of."""
    present = np.unique(dataset.y)
    order = np.full(len(dataset.class_names), -1)
    order[present] = np.arange(len(present))
    return replace(
        dataset,
        labels={TASK: order[dataset.y]},
        classes={TASK: tuple(dataset.class_names[i] for i in present)},
    )
