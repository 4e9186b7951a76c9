"""Who is held out together when something is chosen on the training data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from regraft.errors import UsageError

Index = npt.NDArray[np.intp]
Folds = int | Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]
"""How many stratified folds, or the (train, test) pairs of indices themselves."""


def train_test_pairs(
    y: np.ndarray, folds: Folds, groups: npt.ArrayLike | None = None, seed: int = 0
) -> list[tuple[Index, Index]]:
    """Return the (train, test) indices of stratified folds in which no group straddles the two.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices.
    folds : int or sequence of (train, test) pairs
        A number is lowered to what the data allow: the size of the largest class, the number of
        groups. Pairs are taken as they are.
    groups : array of shape (n,), optional
        Examples of one group are held out together.
    seed : int
        Shuffles the examples before they are dealt into folds.

    Returns
    -------
    list of (train, test) pairs of int arrays
        Empty where nothing can be held out: one example a class, or a single group.

    Raises
    ------
    UsageError
        For a number of folds below 2.
    """
    if not isinstance(folds, int | np.integer):
        return [(np.asarray(train, np.intp), np.asarray(test, np.intp)) for train, test in folds]
    if folds < 2:
        raise UsageError(f"the number of folds must be 2 or more, not {folds}")
    count = min(int(folds), int(np.bincount(y).max()))
    if groups is not None:
        count = min(count, len(np.unique(groups)))
    if count < 2:
        return []
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        # Classes smaller than the number of folds are common here; the heads cope with them.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return list(kind(count, shuffle=True, random_state=seed).split(np.zeros(len(y)), y, groups))


def stratified_rows(y: npt.NDArray[np.intp], limit: int, seed: int) -> Index:
    """Return all rows, or about `limit` of them with every class in its proportion and none left out.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices.
    limit : int
        How many rows are enough.
    seed : int
        Decides which ones.

    Returns
    -------
    int array
        Rows in rising order.
    """
    if len(y) <= limit:
        return np.arange(len(y))
    shuffled = np.random.default_rng(seed).permutation(len(y))
    share = limit / len(y)
    of_class = [shuffled[y[shuffled] == label] for label in range(int(y.max()) + 1)]
    return np.sort(np.concatenate([rows[: int(np.ceil(len(rows) * share))] for rows in of_class]))
