"""A domain that is to be named: its labels, where it has any, are not learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.modality import of_examples
from regraft.data.sources import list_examples, read_source
from regraft.errors import DataError

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
