"""The judge of sources: a linear probe, cross-validated on a sample of the images that is the same for all of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.data.splits import folds
from regraft.errors import DataError
from regraft.protocol import FOLDS
from regraft.transferability.labelled import check_labelled

IMAGES, CLASSES = 2000, 100
"""Most images and classes that are judged on: a choice between sources needs no more, and the cost is their product."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread, and scikit-learn from guessing that labels of many classes are numbers."""
    from threadpoolctl import threadpool_limits

    # The matrices here are small: threads that wait for each other cost ten times the work.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        yield


@dataclass(frozen=True)
class Judgement:
    """How a probe did on images that it was not fitted on.

    Parameters
    ----------
    accuracy : float
        Share of the held-out images that it named correctly.
    se : float
        Standard error of that share.
    n : int
        Held-out images.
    """

    accuracy: float
    se: float
    n: int


@dataclass(frozen=True, eq=False)
class Judge:
    """The images that all sources are judged on, and their folds.

    Parameters
    ----------
    rows : int array of shape (m,)
        Positions of the images among those given.
    y : int array of shape (m,)
        Their classes, from 0 without gaps.
    pairs : list of (train, test)
        Positions among the m.
    groups : array of shape (m,), or None
    seed : int
    """

    rows: npt.NDArray[np.intp]
    y: npt.NDArray[np.intp]
    pairs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
    groups: npt.NDArray[np.str_] | None
    seed: int

    @property
    def chance(self) -> float:
        """Share of the held-out images that the most frequent class has."""
        held_out = np.concatenate([test for _, test in self.pairs])
        return float(np.bincount(self.y[held_out]).max() / len(held_out))

    def __call__(self, features: npt.NDArray[np.float32]) -> Judgement:
        """Return the accuracy of a linear probe on features (n, d) of all images given.

        Its penalty is chosen on all the m images; from some hundred images on, what the folds gain by that is
        within the noise (see `LogisticHead.out_of_fold`), and it is the same for every source.

        Raises
        ------
        DataError
            If the features never differ, or are not finite.
        """
        from regraft.heads.logistic import LogisticHead

        values = np.asarray(features[self.rows], np.float32)
        check_labelled(values, self.y)
        with one_thread():
            head = LogisticHead(powers=(1.0,), seed=self.seed).fit(values, self.y, self.groups)
            says = head.out_of_fold(values, self.y, self.pairs, self.groups).argmax(axis=1)
        right = says == self.y[np.concatenate([test for _, test in self.pairs])]
        # With one held-out image more that is half right, a spread is never 0 for want of mistakes.
        share = (right.sum() + 0.5) / (len(right) + 1)
        return Judgement(float(right.mean()), float(np.sqrt(share * (1 - share) / len(right))), len(right))


def appoint(y: npt.NDArray[np.int64], groups: npt.NDArray[np.str_] | None, seed: int) -> Judge:
    """Return the judge of features of the images with these classes.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices.
    groups : array of str of shape (n,), or None
        Images of one group never straddle a fold.
    seed : int
        Draws the images, and deals the folds.

    Raises
    ------
    DataError
        If there are fewer than two classes, or no class has two images (or groups) to put on either side.
    """
    from regraft.heads.folds import stratified_rows

    found, indices, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(found) < 2:
        raise DataError(f"A probe needs images of two classes or more, but there is {len(found)}; add another class.")
    rows = np.arange(len(y))
    if len(found) > CLASSES:
        # Classes of one image cannot be tested: they are taken only where there are no others.
        drawn = np.random.default_rng(seed).permutation(len(found))
        drawn = drawn[np.argsort(counts[drawn] == 1, kind="stable")][:CLASSES]
        rows = np.flatnonzero(np.isin(indices, drawn))
    rows = rows[stratified_rows(_gapless(indices[rows]), IMAGES, seed)]
    labels = _gapless(indices[rows])
    of_rows = None if groups is None else groups[rows]
    return Judge(rows, labels, folds(labels, of_rows, FOLDS, seed), of_rows, seed)


def _gapless(labels: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    return np.unique(labels, return_inverse=True)[1]
