"""Who is learnt from, chosen by and tested on, where an example has several labels and may lack any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from regraft.data.dataset import TASK, Dataset
from regraft.data.splits import split
from regraft.errors import DataError
from regraft.multitask.tasks import Task

SMALLEST_TEST = 20
"""Fewer test examples say next to nothing."""

SMALLEST_PART = 10
"""Labels that each task must have in each part."""

VAL_SIZE = 0.2
"""Share of the training examples that is set aside to choose by, where the data have no such part."""


@dataclass(frozen=True, eq=False)
class Parts:
    """Positions of the examples of each part.

    Parameters
    ----------
    train, val, test : int arrays
    own_val : bool
        Whether the validation part is the data's own, and so is never learnt from.
    """

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    own_val: bool


def settle_test(dataset: Dataset, tasks: Sequence[Task], test_size: float, seed: int) -> tuple[Dataset, str]:
    """Set a test part aside, unless the data have one; return the dataset, and "given" or "holdout".

    Raises
    ------
    DataError
        If there are too few examples for a test.
    """
    if dataset.split is not None:
        if not len(dataset.part("test")):
            raise DataError("the test part must have an example, but has none: add some, or let it be split anew")
        return dataset, "given"
    n_test = round(test_size * len(dataset))
    if n_test < SMALLEST_TEST:
        raise DataError(
            f"the test must have {SMALLEST_TEST} {dataset.things} or more to compare learning together with alone, but "
            f"{test_size:.0%} of {len(dataset)} are {n_test}: add {dataset.things}, or raise --test-size"
        )
    parted = split(stratifiable(dataset, tasks), test_size=test_size, seed=seed)
    return replace(dataset, split=parted.split, notes=parted.notes), "holdout"


def settle_parts(dataset: Dataset, tasks: Sequence[Task], seed: int) -> Parts:
    """Return who is learnt from, chosen by and tested on.

    Raises
    ------
    DataError
        If a part has too few labels of a task, or a task is of one class where it is learnt.
    """
    train, val, test = (dataset.part(part) for part in ("train", "val", "test"))
    own_val = len(val) > 0
    if not own_val:
        whole = dataset.take(train)
        parted = split(
            replace(stratifiable(whole, [task.take(train) for task in tasks]), split=None),
            test_size=VAL_SIZE,
            seed=seed,
        )
        train, val = train[parted.part("train")], train[parted.part("test")]
    for task in tasks:
        for name, part in (("training", train), ("validation", val), ("test", test)):
            n = len(task.among(part))
            if n < SMALLEST_PART:
                raise DataError(
                    f"task {task.name!r} must have {SMALLEST_PART} labels or more in the {name} part, but has {n}: "
                    f"label more, or take it out of --label-columns"
                )
        _check_learnable(task, train)
    return Parts(train, val, test, own_val)


def stratifiable(dataset: Dataset, tasks: Sequence[Task]) -> Dataset:
    """Return the dataset with the labels of the first task of classes, by which it is split; else with one for all."""
    first = next((task for task in tasks if task.kind in ("classes", "ordinal")), None)
    if first is None:
        return replace(dataset, labels={TASK: np.zeros(len(dataset), dtype=np.int64)}, classes={TASK: ("any",)})
    y = np.where(first.known, first.values, len(first.classes)).astype(np.int64)
    return replace(dataset, labels={TASK: y}, classes={TASK: (*first.classes, "no label")})


def _check_learnable(task: Task, train: np.ndarray) -> None:
    if task.kind in ("classes", "ordinal"):
        found = np.unique(task.values[task.among(train)])
        if len(found) < 2:
            raise DataError(
                f"task {task.name!r} must have two classes or more to learn from, but the training part has only "
                f"{task.classes[int(found[0])]!r}: add examples of another, or take it out of --label-columns"
            )
