"""Who is learnt from and who is the test: predefined, stratified, grouped."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import SPLITS, Dataset
from regraft.errors import DataError, UsageError

_PARTS = {
    **dict.fromkeys(("train", "training", "trainset", "trainingset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "validset", "validationset"), "val"),
    **dict.fromkeys(("dev", "devset"), "val"),
    **dict.fromkeys(("test", "testing", "testset", "testingset"), "test"),
}

_ALONE = "is the only evaluation part"
"""By these words a note is known that is for those who learn."""

Folds = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]


def part_of(name: str) -> str | None:
    """Return the split that a folder's or a value's name means ("train", "val", "test"), or None.

    Case, separators and a trailing number do not matter: `Training_Set` is train, `test1` is test.
    """
    return _PARTS.get(re.sub(r"[\s_\-]+", "", name.strip().lower()).rstrip("0123456789"))


def settle(
    split: npt.ArrayLike, called: Mapping[str, str] | None = None
) -> tuple[npt.NDArray[np.str_] | None, str | None]:
    """Settle what a source's own parts are for: a lone evaluation part is the test.

    Parameters
    ----------
    split : array-like of str of shape (n,)
        "train", "val" or "test" for each example.
    called : mapping of str to str, optional
        What the user calls each part, e.g. ``{"val": "val/"}``.

    Returns
    -------
    split : array of str of shape (n,), or None
        None where all is training data.
    note : str or None
        What was decided.

    Raises
    ------
    DataError
        If no example is for training.
    """
    split = np.asarray(split, dtype="<U5")
    present = [part for part in SPLITS if np.any(split == part)]
    shown = {part: (called or {}).get(part, part) for part in SPLITS}
    if "train" not in present:
        raise DataError(
            f"there is no training part, only {' and '.join(shown[part] for part in present)}: "
            f"name the part to learn from 'train', or give it alone and let it be split."
        )
    if len(present) == 1:
        return None, None
    if len(present) == 3:
        return split, None
    alone = present[1]
    note = (
        f"{shown['train']}, {shown[alone]}: {shown[alone]} {_ALONE}, so it is the test; "
        f"choices are made by cross-validation on {shown['train']}"
    )
    return np.where(split == alone, "test", split).astype("<U5"), note


def without_split(dataset: Dataset) -> Dataset:
    """Return a dataset all of whose images are looked at alike: without its split, and what was decided of that."""
    return replace(dataset, split=None, notes=tuple(note for note in dataset.notes if _ALONE not in note))


def split(dataset: Dataset, test_size: float = 0.2, seed: int = 0) -> Dataset:
    """Set a stratified test part aside; groups, where there are any, stay whole.

    Parameters
    ----------
    dataset : Dataset
        The examples; a split that it already has is replaced.
    test_size : float
        Share of the examples for the test, between 0 and 1. Every class keeps at least one example in
        training, and a class of one example, or of one group, is not tested at all.
    seed : int
        The same seed gives the same split.

    Returns
    -------
    Dataset
        The dataset with "train" and "test", and a note of what was done.

    Raises
    ------
    UsageError
        If `test_size` is not between 0 and 1.
    DataError
        If no example can be spared for a test.
    """
    if not 0 < test_size < 1:
        raise UsageError(f"test_size must lie between 0 and 1, and is {test_size}: give 0.2 for a fifth.")
    if dataset.groups is None:
        test = _stratified_test(dataset.y, test_size, seed)
        how = "stratified by class"
    else:
        n_splits = max(2, round(1 / test_size))
        candidates = [test for _, test in folds(dataset.y, dataset.groups, n_splits, seed)]
        test = min(candidates, key=lambda test: abs(len(test) / len(dataset) - test_size))
        how = "stratified by class, groups kept whole"
    parts = np.full(len(dataset), "train", dtype="<U5")
    parts[test] = "test"
    note = f"no split was given: {len(test)} of {len(dataset)} {dataset.things} are set aside as the test ({how})"
    return dataset.with_split(parts, note + _untested_note(dataset, test))


def folds(y: npt.NDArray[np.int64], groups: npt.NDArray[np.str_] | None, n_splits: int, seed: int) -> Folds:
    """Return cross-validation folds in which every class is always present in the training part.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices.
    groups : array of str of shape (n,), or None
        Examples of one group never straddle a fold.
    n_splits : int
        How many folds, 2 or more. Folds that would test nothing are left out, so that small data give fewer.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    list of (train, test)
        Index arrays. An example that is the only one of its class (or whose group is) is always in train.

    Raises
    ------
    UsageError
        If `n_splits` is below 2.
    DataError
        If no class has two examples (or two groups) to put on either side.
    """
    if n_splits < 2:
        raise UsageError(f"n_splits must be 2 or more, and is {n_splits}.")
    y = np.asarray(y)
    fold = _dealt(y, n_splits, seed) if groups is None else _dealt_groups(y, groups, n_splits, seed)
    made = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)]
    if groups is not None:
        made = [_with_every_class(y, groups, train, test) for train, test in made]
    made = [(train, test) for train, test in made if len(test)]
    if not made:
        what = "examples" if groups is None else "groups"
        raise DataError(f"no class has two {what}, so nothing can be set aside to test on: add {what} to the classes.")
    return made


def check_no_group_straddles(dataset: Dataset) -> None:
    """Check that no group is both learnt from and evaluated on.

    Raises
    ------
    DataError
        If a group is in two parts of the dataset's own split.
    """
    if dataset.split is None or dataset.groups is None:
        return
    home: dict[str, str] = {}
    for group, part in zip(dataset.groups.tolist(), dataset.split.tolist(), strict=True):
        if home.setdefault(group, part) != part:
            raise DataError(
                f"group {group!r} is in both {home[group]} and {part}, so the test would not be independent: "
                f"move all its examples to one part, or drop the split and let one be made."
            )


def _stratified_test(y: npt.NDArray[np.int64], test_size: float, seed: int) -> npt.NDArray[np.int64]:
    """Draw test indices in proportion to the classes (largest remainders), leaving each class one or more."""
    counts = np.bincount(y)
    spare = np.maximum(counts - 1, 0)
    total = min(max(1, round(test_size * len(y))), int(spare.sum()))
    if total == 0:
        raise DataError("no class has two examples, so nothing can be set aside to test on: add some to the classes.")
    quota = counts * test_size
    n_test = np.minimum(np.floor(quota).astype(int), spare)
    rng = np.random.default_rng(seed)
    ties = rng.random(len(counts))
    while n_test.sum() < total:
        need = np.where(n_test < spare, quota - n_test, -np.inf)
        n_test[np.lexsort((ties, need))[-1]] += 1
    drawn = [rng.permutation(np.flatnonzero(y == c))[:n] for c, n in enumerate(n_test)]
    return np.sort(np.concatenate(drawn))


def _dealt(y: npt.NDArray[np.int64], n_splits: int, seed: int) -> npt.NDArray[np.int64]:
    """Deal shuffled examples class by class to the folds in turn; lone examples get no fold (-1)."""
    # scikit-learn's StratifiedKFold warns, or refuses, where a class is smaller than n_splits.
    order = np.lexsort((np.random.default_rng(seed).random(len(y)), y))
    order = order[np.bincount(y)[y[order]] > 1]
    fold = np.full(len(y), -1)
    fold[order] = np.arange(len(order)) % n_splits
    return fold


def _dealt_groups(
    y: npt.NDArray[np.int64], groups: npt.NDArray[np.str_], n_splits: int, seed: int
) -> npt.NDArray[np.int64]:
    """Deal whole groups to the folds; a group that alone holds some class gets no fold (-1)."""
    from sklearn.model_selection import StratifiedGroupKFold

    alone = {owners[0] for c in np.unique(y) if len(owners := np.unique(groups[y == c])) == 1}
    fold = np.full(len(y), -1)
    movable = np.flatnonzero(~np.isin(groups, list(alone)))
    if len(movable) == 0:
        return fold
    names, group = np.unique(groups[movable], return_inverse=True)
    possible = min(n_splits, len(names), int(np.bincount(y[movable]).max()))
    if possible < 2:  # nothing to stratify: at most one movable example a class, the others stay in train
        fold[movable] = group % n_splits
        return fold
    splitter = StratifiedGroupKFold(possible, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # small classes are what _with_every_class is for
        for k, (_, test) in enumerate(splitter.split(movable, y[movable], group)):
            fold[movable[test]] = k
    return fold


def _with_every_class(
    y: npt.NDArray[np.int64],
    groups: npt.NDArray[np.str_],
    train: npt.NDArray[np.int64],
    test: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Move the smallest group of each class that only the test part has over to the training part."""
    for c in np.setdiff1d(y[test], y[train]):
        if c in y[train]:
            continue
        owners, sizes = np.unique(groups[test][np.isin(groups[test], groups[test][y[test] == c])], return_counts=True)
        moved = groups[test] == owners[np.argmin(sizes)]
        train, test = np.sort(np.concatenate([train, test[moved]])), test[~moved]
    return train, test


def _untested_note(dataset: Dataset, test: npt.NDArray[np.int64]) -> str:
    untested = np.setdiff1d(dataset.y, dataset.y[test])
    if len(untested) == 0:
        return ""
    names = ", ".join(dataset.class_names[c] for c in untested[:5]) + (", ..." if len(untested) > 5 else "")
    return f"; not tested, for want of {dataset.things}: {names}"
