"""How the evaluated images are kept apart from those learnt from, and whether the data allow it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import NOUNS, SPLITS, Dataset, Skipped
from regraft.data.splits import check_no_group_straddles, split
from regraft.errors import DataError
from regraft.evaluation.episodes import check_shots, draw
from regraft.features.streaming import MAXIMUM_UNREADABLE

SMALLEST_TEST = 30
"""Below this many test images a single split says next to nothing, and cross-validation is used."""

FOLDS = 5


def settle_protocol(dataset: Dataset, test_size: float, seed: int) -> tuple[Dataset, str]:
    """Decide how the evaluated images are kept apart.

    Parameters
    ----------
    dataset : Dataset
    test_size : float
        Share held out where the data have no split of their own.
    seed : int

    Returns
    -------
    dataset : Dataset
        With its split, or with none under cross-validation.
    protocol : {"given", "holdout", "cross-validation"}
        The data's own split, a new one, or none since the test would have fewer than `SMALLEST_TEST` images.

    Raises
    ------
    DataError
        If a group is in two parts of the data's own split, or nothing can be set aside.
    """
    if dataset.split is not None:
        check_no_group_straddles(dataset)
        return dataset, "given"
    if round(len(dataset) * test_size) < SMALLEST_TEST:
        return dataset, "cross-validation"
    return split(dataset, test_size=test_size, seed=seed), "holdout"


def few_shots(dataset: Dataset, shots: int, seed: int) -> tuple[Dataset, str]:
    """Keep some images of each class to learn from, drawn at random; all others are the test.

    Parameters
    ----------
    dataset : Dataset
        Where it has a split of its own, the images are drawn from train, and its test part is the test.
    shots : int
        Images a class.
    seed : int

    Returns
    -------
    dataset : Dataset
        The images that take part, with their split. None of the test is of a group that is learnt from.
    protocol : {"given", "holdout"}

    Raises
    ------
    DataError
        If a class has too few images, or none are left to test on.
    """
    check_no_group_straddles(dataset)
    names, own = dataset.class_names, dataset.split is not None
    pool = dataset.part("train")
    check_shots(dataset.y, shots, class_names=names, pool=pool, spare=0 if own else 1)
    drawn = draw(dataset.y, shots, np.random.default_rng(seed), class_names=names, pool=pool)
    test = untouched(dataset, drawn)
    kept = np.union1d(drawn, test)
    drawn_as = f"{dataset.count(1)} of each class was" if shots == 1 else f"{shots} {dataset.things} of each class were"
    note = f"{drawn_as} drawn to learn from, and {len(test):,} others are the test"
    chosen = dataset.take(kept).with_split(np.where(np.isin(kept, drawn), "train", "test"), note)
    return chosen, "given" if own else "holdout"


def untouched(dataset: Dataset, learnt: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the images to test where some were learnt from: all others, or the test part; no group on both sides.

    Raises
    ------
    DataError
        If there are none.
    """
    tested = np.setdiff1d(np.arange(len(dataset)) if dataset.split is None else dataset.part("test"), learnt)
    if dataset.groups is not None:
        tested = tested[~np.isin(dataset.groups[tested], dataset.groups[learnt])]
    if not len(tested):
        raise DataError(
            f"Some {dataset.things} must be left to test on, but all are of groups that are "
            "learnt from; ask for fewer --shots."
        )
    return tested


def describe(dataset: Dataset, protocol: str) -> list[str]:
    """Return what was inferred from the data, each a sentence for people."""
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    order = np.argsort(-counts, kind="stable")
    listed = ", ".join(f"{dataset.class_names[i]} {counts[i]}" for i in order[:12])
    more = f", and {len(order) - 12} more" if len(order) > 12 else ""
    sentences = [f"{dataset.count(len(dataset))} in {len(counts)} classes: {listed}{more}."]
    if protocol == "cross-validation":
        sentences.append(f"Too few for a test part of {SMALLEST_TEST}: evaluated by cross-validation in {FOLDS} folds.")
    else:
        parts = [f"{len(dataset.part(part)):,} {part}" for part in SPLITS if len(dataset.part(part))]
        sentences.append(f"Split: {', '.join(parts)}{' (your own)' if protocol == 'given' else ''}.")
    return sentences + [f"Note: {note}." if not note.endswith(".") else f"Note: {note}" for note in dataset.notes]


def check_skipped(total: int, skipped: tuple[Skipped, ...], allowed: bool) -> None:
    """Raise DataError if more than 5% of the images cannot be used, and that was not allowed."""
    if len(skipped) > MAXIMUM_UNREADABLE * total and not allowed:
        listed = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:3])
        raise DataError(
            f"At most 5% of the examples may be unusable, but {len(skipped)} of {total} are ({listed}); "
            "mend or remove them, or go on without them with --skip-unreadable."
        )


def check_classes(dataset: Dataset) -> None:
    """Raise DataError unless two classes have readable images, each class some to learn from, and the test any."""
    present = np.unique(dataset.y)
    if len(present) < 2:
        only = f", only {dataset.class_names[present[0]]!r}" if len(present) else ""
        raise DataError(
            f"There must be {dataset.things} of at least two classes, but there are {len(dataset)} readable "
            f"{dataset.things} of {len(present)}{only}; add {dataset.things} of another class."
        )
    train = set(dataset.y[dataset.part("train")].tolist())
    missing = [name for i, name in enumerate(dataset.class_names) if i not in train]
    if missing:
        raise DataError(
            f"Every class must have a readable training {NOUNS[dataset.modality][0]}, but "
            f"{', '.join(missing[:5])} has none; add some, or remove the class."
        )
    if dataset.split is not None and not len(dataset.part("test")):
        raise DataError("The test part must have a readable example, but has none; add some, or let it be split anew.")
