"""Data from several domains, such as cameras, products or speakers; and a target whose labels are not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import NOUNS, TASK, Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.labels import class_order
from regraft.data.listing import EXTENSIONS, descend, list_folder
from regraft.data.modality import of_examples, of_folder
from regraft.data.sources import list_examples, read_source
from regraft.data.splits import part_of
from regraft.errors import DataError, UsageError

UNLABELLED = -1
"""In place of a class's index where no label is known."""


@dataclass(frozen=True, eq=False)
class Target:
    """Examples of the domain that is to be named; labels found there serve to measure, not to learn.

    Parameters
    ----------
    examples : sequence of length n
    names : tuple of str, length n
    y : int array of shape (n,)
        Indices of the source's classes; -1 where no label is known, or it is none of them.
    labels : tuple of str, length n
        As they were found; "" where there is none.
    tested : bool array of shape (n,)
        Its own test part; all of it where it has none.
    modality : {"image", "text", "audio"}
    name : str
    notes : tuple of str
    skipped : tuple of Skipped
    """

    examples: Sequence[Any]
    names: tuple[str, ...]
    y: npt.NDArray[np.int64]
    labels: tuple[str, ...]
    tested: npt.NDArray[np.bool_]
    modality: str
    name: str
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def has_test(self) -> bool:
        """Whether it has a test part of its own."""
        return not bool(self.tested.all())

    def take(self, index: npt.ArrayLike) -> Target:
        """Return the target of the examples at `index` (integers)."""
        rows = [int(i) for i in np.asarray(index)]
        return replace(
            self,
            examples=[self.examples[i] for i in rows],
            names=tuple(self.names[i] for i in rows),
            labels=tuple(self.labels[i] for i in rows),
            y=self.y[rows],
            tested=self.tested[rows],
        )


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
    return read_source(source, **options)


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
    order = np.full(len(dataset.class_names), UNLABELLED)
    order[present] = np.arange(len(present))
    return replace(
        dataset,
        labels={TASK: order[dataset.y]},
        classes={TASK: tuple(dataset.class_names[i] for i in present)},
    )


def read_target(target: Any, classes: Sequence[str], modality: str, **options: Any) -> Target:
    """Read the domain to be named, with or without labels.

    Parameters
    ----------
    target : Dataset, Target, path, array or list
    classes : sequence of str
        The source's, in their order.
    modality : {"image", "text", "audio"}
        The source's.
    **options
        Of `read_source`.

    Raises
    ------
    DataError
        If it cannot be read, or is of another modality.
    """
    if isinstance(target, Dataset):
        return target_of(target, classes)
    labelled: Dataset | None = None
    try:
        labelled = read_source(target, learns=False, **options)
    except DataError:
        if options.get("label_column") or options.get("label_from_name"):
            raise
    if labelled is not None:
        _check_kind(labelled.modality, modality)
        known = target_of(labelled, classes)
        names = set(known.names)
        examples, called = _all_of(target, modality, labelled)
        beside = [i for i, name in enumerate(called) if name not in names]
        left_out = {each.name: each for each in labelled.skipped if each.reason != "empty label"}
        beside = [i for i in beside if called[i] not in left_out]
        return replace(
            known,
            examples=[*known.examples, *(examples[i] for i in beside)],
            names=(*known.names, *(called[i] for i in beside)),
            y=np.concatenate([known.y, np.full(len(beside), UNLABELLED)]),
            labels=(*known.labels, *("" for _ in beside)),
            tested=np.concatenate([known.tested, np.full(len(beside), not known.has_test)]),
            skipped=tuple(left_out.values()),
        )
    examples, called = list_examples(target, "text" if modality == "text" else None)
    found = of_examples(examples)
    _check_kind(found, modality)
    name = printable(Path(target).expanduser().resolve().name) if isinstance(target, str | Path) else "target"
    return Target(
        examples=examples,
        names=tuple(called),
        y=np.full(len(called), UNLABELLED),
        labels=("",) * len(called),
        tested=np.ones(len(called), bool),
        modality=found,
        name=name,
    )


def _check_kind(found: str, modality: str) -> None:
    if found != modality:
        raise DataError(
            f"The target must hold {NOUNS[modality][1]} as the source does, but holds {NOUNS[found][1]}; give a target "
            "of the same kind."
        )


def _all_of(target: Any, modality: str, labelled: Dataset) -> tuple[Sequence[Any], Sequence[str]]:
    """Return all examples of a labelled source, with those that have no label."""
    try:
        return list_examples(target, modality)
    except DataError:
        return labelled.examples, labelled.names


def target_of(dataset: Dataset, classes: Sequence[str]) -> Target:
    """Return labelled data as a target whose labels only measure."""
    labels = tuple(dataset.class_names[i] for i in dataset.y)
    test = dataset.part("test")
    tested = np.ones(len(dataset), bool)
    if len(test):
        tested = np.zeros(len(dataset), bool)
        tested[test] = True
    return Target(
        examples=dataset.examples,
        names=dataset.names,
        y=indices_of(labels, classes),
        labels=labels,
        tested=tested,
        modality=dataset.modality,
        name=dataset.name,
        notes=dataset.notes,
        skipped=dataset.skipped,
    )


def indices_of(labels: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the index of each label among the classes; -1 for one that is none of them."""
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place.get(label, UNLABELLED) for label in labels], np.int64)
