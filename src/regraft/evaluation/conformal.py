"""Sets of classes that hold the true one as often as was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError, UsageError
from regraft.evaluation.intervals import wilson
from regraft.evaluation.reliability import checked

KEPT = 2000
"""Scores that are stored at most."""


@dataclass(frozen=True)
class Coverage:
    """How sets did on images with known classes.

    Parameters
    ----------
    coverage : float
        Share of the images whose set holds the true class.
    coverage_ci95 : (float, float)
        Wilson's interval of that share.
    mean_size : float
        Mean number of classes in a set.
    empty : float
        Share of sets without any class.
    single : float
        Share of sets with exactly one class.
    n : int
        Images.
    """

    coverage: float
    coverage_ci95: tuple[float, float]
    mean_size: float
    empty: float
    single: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "coverage_ci95": list(self.coverage_ci95)}


@dataclass(frozen=True, eq=False)
class Conformal:
    """Split-conformal prediction sets: the classes that are not too improbable to be the true one.

    A set holds every class whose probability is at least some threshold. The threshold is the one which the true
    classes of held-out images reach as often as is asked for, with the correction that makes this hold on
    average for new images of the same kind, however wrong the probabilities are. Of all sets with that
    promise these are the smallest on average.

    A set may be empty: no class is plausible then. Where the classifier is right more often than is asked for,
    some sets must be, or they would hold the true class too often; filling them with the most probable class
    makes them useful as an answer, but then the promise is exceeded.

    Parameters
    ----------
    scores : float32 array of shape (m,)
        1 - probability of the true class, of held-out images, rising; all of them, or 2,000 in even steps.
    n : int
        Held-out images they come from.

    References
    ----------
    Sadinle, Lei & Wasserman, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, 2019.
    """

    # Against adaptive sets (APS; Romano, Sesia & Candes, Classification with Valid and Adaptive Coverage, 2020) at
    # 90%, means of 10 random splits, a quarter held out:
    #
    #              LAC: coverage, size    APS, randomised
    #   flowers      0.909, 0.96            0.906, 1.14
    #   elpv         0.898, 1.08            0.903, 1.18
    #
    # On flowers 4% of the sets are empty; with the most probable class put in, coverage is 0.926.

    scores: npt.NDArray[np.float32]
    n: int

    @classmethod
    def fit(cls, probabilities: npt.ArrayLike, y: npt.ArrayLike) -> Conformal:
        """Learn the scores from held-out images.

        Parameters
        ----------
        probabilities : float array of shape (n, k)
            Of images that the classifier was not fitted on, as it will give them.
        y : int array of shape (n,)
            Class indices.

        Raises
        ------
        DataError
            If the arrays do not fit, or are empty.
        """
        p, y = checked(probabilities, y)
        scores = np.sort(1 - p[np.arange(len(y)), y])
        # Rounded up: a class exactly at the threshold, of which heads that vote have many, stays in the set.
        kept = np.nextafter(scores[_ranks(len(y)) - 1].astype(np.float32), np.float32(np.inf))
        return cls(kept, len(y))

    def threshold(self, coverage: float) -> float:
        """Return the probability from which on a class belongs to the set.

        Parameters
        ----------
        coverage : float
            How often sets are to hold the true class, between 0 and 1.

        Raises
        ------
        UsageError
            If the coverage is out of range.
        DataError
            If there were too few held-out images for it.
        """
        if not 0 < coverage < 1:
            raise UsageError(f"--coverage must be between 0 and 1, not {coverage:g}; 0.9 is usual.")
        # Rounding must not turn 0.9 * 10 into a little more than 9.
        rank = ceil((self.n + 1) * coverage - 1e-9)
        if rank > self.n:
            needed = ceil(coverage / (1 - coverage) - 1e-6)
            raise DataError(
                f"Sets that hold the true class in {coverage:.4g} of all cases need at least {needed} held-out "
                f"examples, but there were {self.n}; ask for "
                f"{floor(1e4 * self.n / (self.n + 1)) / 1e4:g} or less, or add examples."
            )
        ranks = _ranks(self.n)
        return 1 - float(self.scores[np.searchsorted(ranks, rank)])

    def sets(self, probabilities: npt.ArrayLike, coverage: float) -> npt.NDArray[np.bool_]:
        """Return which classes are in the set of each image (n, k), for probabilities (n, k)."""
        return np.asarray(probabilities, dtype=np.float64) >= self.threshold(coverage)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the plain settings that `from_state` takes."""
        return {"scores": self.scores}, {"n": self.n}

    @classmethod
    def from_state(cls, tensors: dict[str, np.ndarray], settings: dict[str, Any]) -> Conformal:
        """Return the sets whose `state()` this was."""
        scores, n = tensors["scores"], int(settings["n"])
        if n < 1 or scores.shape != (min(n, KEPT),):
            raise ValueError(f"{scores.shape} scores of {n} held-out images")
        return cls(scores, n)


def _ranks(n: int) -> npt.NDArray[np.int64]:
    """Return which of n sorted scores are kept, counted from 1; the last always is."""
    count = min(n, KEPT)
    return -(-np.arange(1, count + 1) * n // count)


def coverage(sets: npt.ArrayLike, y: npt.ArrayLike) -> Coverage:
    """Return how often sets hold the true class, and how large they are.

    Parameters
    ----------
    sets : bool array of shape (n, k)
    y : int array of shape (n,)
        Class indices.

    Returns
    -------
    Coverage

    Raises
    ------
    DataError
        If the arrays do not fit, or are empty.
    """
    _, y = checked(sets, y)
    held = np.asarray(sets, dtype=bool)
    size = held.sum(axis=1)
    hits = int(held[np.arange(len(y)), y].sum())
    return Coverage(
        coverage=hits / len(y),
        coverage_ci95=wilson(hits, len(y)),
        mean_size=float(size.mean()),
        empty=float((size == 0).mean()),
        single=float((size == 1).mean()),
        n=len(y),
    )
