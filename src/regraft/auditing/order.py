"""Whether neighbouring examples are related, so that a random split asks about images as good as seen.

A linear probe names images once on folds of consecutive examples, and once on folds drawn at random with the same
number of every class in each, so that nothing but neighbourhood makes the difference.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.auditing.findings import Order
from regraft.data.dataset import Dataset
from regraft.evaluation.intervals import wilson
from regraft.evaluation.significance import paired_gain

FOLDS, DRAWS = 5, 5
"""Folds, and how often the random ones are drawn."""

LIMIT, STRETCHES = 2000, 30
"""Most images that are probed, and in how many stretches of neighbours they are taken out of more."""

FEWEST = 50
"""Below so many images the two accuracies are too unsure to be compared."""

PENALTY = 0.03
"""Of the ridge regression, in units of the mean squared length of a feature vector."""

GAP, SURE = 0.02, 0.01
"""A warning needs a gap of so much, and so much at the lower end of its 95% interval."""

SORTED = 0.6
"""How far the classes of consecutive fifths are from those of all, in units of how mixed these are, where examples are
taken to be sorted by class: 1 for flowers with a twentieth of the labels wrong, 0.4 for solar cells, 0.3 for 60 breeds
in random order."""

# Measured with Lite0 + Lite1, accuracy on random folds, on blocks, and the gap with its 95% interval:
#
#   flowers      0.914  0.912   0.002 (-0.012 to 0.016)       cats_dogs   0.993  0.990   0.003 (-0.002 to 0.008)
#   hotdog       0.920  0.896   0.024 (-0.005 to 0.056)       dog_breeds  0.844  0.848  -0.004 (-0.031 to 0.023)
#   cat_h5       1.000  1.000   0.000 (-0.015 to 0.015)
#   signs        0.979  0.931   0.048 (0.035 to 0.063)        frames of a film: hands of one person follow each other
#   elpv         0.837  0.796   0.040 (0.024 to 0.057)        cells in the order of their modules
#
# A probe that is hardly penalised loses far more on the blocks of elpv, 0.59 to 0.65 in the worst two of five.


def blocks(dataset: Dataset, count: int) -> npt.NDArray[np.str_]:
    """Return the block of neighbouring examples that each example belongs to.

    Parameters
    ----------
    dataset : Dataset
        In the order of the data: the rows of a table, the images of an array. Where examples come class by class,
        as from class folders, neighbours are those of one class by file name, and every block has all classes.
    count : int
        How many blocks.

    Returns
    -------
    array of str of shape (n,)
    """
    width = len(str(count - 1))
    return np.array([f"block {block:0{width}}" for block in _block(_place(dataset), count)], dtype=np.str_)


def order(dataset: Dataset, values: npt.NDArray[np.float32], seed: int = 0) -> Order:
    """Compare a linear probe's accuracy on random folds with that on folds of consecutive examples.

    Parameters
    ----------
    dataset : Dataset
        Of n examples; only their order, names and labels are read.
    values : float32 array of shape (n, d)
        Features.
    seed : int
        Draws the random folds.
    """
    from threadpoolctl import threadpool_limits

    place = _place(dataset)
    # Whole stretches of neighbours: every second example would have lost its neighbour.
    rows = np.flatnonzero(place * STRETCHES % 1 < LIMIT / max(len(dataset), 1))
    y = dataset.y[rows]
    if len(rows) < FEWEST:
        return Order(
            n=len(rows), reason=f"the order of the data is judged from {FEWEST} {dataset.things} on, not by {len(rows)}"
        )
    if len(np.unique(y)) < 2:
        return Order(n=len(rows), reason="the order of the data is judged by telling classes apart, and there is one")
    if not np.ptp(values[rows], axis=0).any():
        return Order(n=len(rows), reason="the order of the data is judged by features, and they are all the same")
    consecutive = _block(place[rows], FOLDS)
    with threadpool_limits(limits=1):
        probe = _Probe(values[rows], y)
        in_blocks = probe.right(consecutive)
        drawn = [probe.right(_shuffled(consecutive, y, seed + draw)) for draw in range(DRAWS)]
    # Of several draws the middle one: a lucky one alone has raised a false alarm.
    at_random = sorted(drawn, key=np.count_nonzero)[DRAWS // 2]
    gap, interval = paired_gain(at_random, in_blocks)
    return Order(
        random=float(at_random.mean()),
        random_ci95=wilson(int(at_random.sum()), len(rows)),
        blocks=float(in_blocks.mean()),
        blocks_ci95=wilson(int(in_blocks.sum()), len(rows)),
        gap=gap,
        gap_ci95=interval,
        related=gap >= GAP and interval[0] > SURE,
        n=len(rows),
    )


class _Probe:
    """A ridge classifier on centred features of length one, cross-validated in closed form.

    With G the inverse of the penalised Gram matrix, what is left unexplained of fold f when it was not learnt from is
    the solution of G[f, f] r = (G Y)[f]: one inverse serves every way of dealing the examples into folds.
    """

    def __init__(self, values: npt.NDArray[np.float32], y: npt.NDArray[np.int64]) -> None:
        centred = values - values.mean(axis=0)
        centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        gram = (centred @ centred.T).astype(np.float64)
        gram[np.diag_indices_from(gram)] += PENALTY
        gram += 1  # the intercept
        classes, self._y = np.unique(y, return_inverse=True)
        self._targets = np.eye(len(classes))[self._y]
        self._inverse = np.linalg.inv(gram)
        self._solved = self._inverse @ self._targets

    def right(self, fold: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Return whether each example (n,) is named rightly by what was learnt from the other folds."""
        said = np.empty(len(fold), np.intp)
        for held in np.unique(fold):
            rows = np.flatnonzero(fold == held)
            residual = np.linalg.solve(self._inverse[np.ix_(rows, rows)], self._solved[rows])
            said[rows] = (self._targets[rows] - residual).argmax(axis=1)
        return said == self._y


def _place(dataset: Dataset) -> npt.NDArray[np.float64]:
    """Return where each example stands in its order (n,), from 0 to below 1."""
    y, n = dataset.y, len(dataset)
    if not _class_by_class(y):
        return np.arange(n) / max(n, 1)
    place = np.empty(n)
    for label in np.unique(y):
        members = sorted(np.flatnonzero(y == label).tolist(), key=lambda i: _natural(dataset.names[i]))
        place[members] = np.arange(len(members)) / len(members)
    return place


def _class_by_class(y: npt.NDArray[np.int64]) -> bool:
    """Whether examples come sorted by class, if not without exception, so that consecutive ones lack classes."""
    if len(y) < 2:
        return False
    _, y, counts = np.unique(y, return_inverse=True, return_counts=True)
    changes = np.count_nonzero(np.diff(y))
    if changes < 3 * len(counts):  # k - 1 where all come class by class, 3 k - 1 where three parts do
        return True
    share = counts / len(y)
    fold = np.arange(len(y)) * FOLDS // len(y)
    apart = [
        np.abs(np.bincount(y[fold == f], minlength=len(share)) / max((fold == f).sum(), 1) - share).sum() / 2
        for f in range(FOLDS)
    ]
    return float(np.mean(apart)) > SORTED * (1 - np.square(share).sum())


def _block(place: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.intp]:
    return (place * count + 1e-9).astype(np.intp)


def _natural(name: str) -> list[Any]:
    """Return the key by which 2.jpg comes before 10.jpg; folders do not count."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else part)
        for part in re.split(r"(\d+)", name.rsplit("/", 1)[-1])
    ]


def _shuffled(fold: npt.NDArray[np.intp], y: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.intp]:
    """Deal the folds anew among the examples of each class."""
    mixed = np.random.default_rng(seed).random(len(y))
    dealt = np.empty_like(fold)
    dealt[np.lexsort((mixed, y))] = fold[np.argsort(y, kind="stable")]
    return dealt
