"""How well a classifier tells two domains apart: the proxy A-distance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import hypot
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from sklearn.model_selection import StratifiedKFold

from regraft.errors import DataError
from regraft.evaluation.intervals import wilson

MOST = 1_000
"""Examples of a domain that are enough: the interval is 3 points wide then, at worst."""

LEAST = 5
FOLDS = 5

OVERLAP = 1 + FOLDS / (FOLDS - 1)
"""By how much the variance of a cross-validated rate exceeds that of independent answers (Nadeau and Bengio). Measured
with 60 and 40 examples of one distribution: intervals without it leave chance out one time in five."""

PENALTY = 0.01
"""Ridge penalty in units of the mean squared length of the centred features."""


@dataclass(frozen=True)
class ProxyDistance:
    """How far a domain classifier tells source from target.

    Parameters
    ----------
    distance : float
        2 (1 - 2 error): 0 where nothing tells the domains apart, 2 where everything does.
    ci95 : (float, float)
        Interval of `distance`.
    accuracy : float
        Mean of the shares of both domains that are told right, held out.
    accuracy_ci95 : (float, float)
    n_source, n_target : int
        Examples asked.
    """

    distance: float
    ci95: tuple[float, float]
    accuracy: float
    accuracy_ci95: tuple[float, float]
    n_source: int
    n_target: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "ci95": list(self.ci95), "accuracy_ci95": list(self.accuracy_ci95)}


def proxy_distance(source: npt.ArrayLike, target: npt.ArrayLike, seed: int = 0) -> ProxyDistance:
    """Return how far apart two domains are, as a linear classifier sees it that is asked about held-out examples.

    Parameters
    ----------
    source : array of shape (n, d)
        Features; at most 1,000 examples are taken of each domain.
    target : array of shape (m, d)
    seed : int
        Decides which examples are taken, and deals them into folds.

    Returns
    -------
    ProxyDistance

    Raises
    ------
    DataError
        If shapes do not fit, or a domain has fewer than 5 examples.

    References
    ----------
    S. Ben-David et al., "Analysis of representations for domain adaptation", 2007;
    C. Nadeau and Y. Bengio, "Inference for the generalization error", 2003 (the interval);
    J. A. K. Suykens and J. Vandewalle, "Least squares support vector machine classifiers", 1999 (the classifier).
    """
    X, of_target = stacked(source, target, LEAST, MOST, np.random.default_rng(seed))
    right = _held_out(X, of_target, seed) == of_target
    rates = [float(right[of_target == domain].mean()) for domain in (False, True)]
    accuracy = sum(rates) / 2
    misses = [
        _misses(rate, int((of_target == domain).sum())) for rate, domain in zip(rates, (False, True), strict=True)
    ]
    # Intervals of two independent rates make one of their mean (Zou and Donner, 2008).
    below, above = (hypot(*each) / 2 for each in zip(*misses, strict=True))
    ends = (max(0.0, accuracy - below), min(1.0, accuracy + above))
    counts = (int((~of_target).sum()), int(of_target.sum()))
    return ProxyDistance(_distance(accuracy), (_distance(ends[0]), _distance(ends[1])), accuracy, ends, *counts)


def stacked(
    source: npt.ArrayLike, target: npt.ArrayLike, least: int, most: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return features of both domains, centred and of mean squared length 1, and whether each is of the target.

    At most `most` examples are taken of each domain.

    Raises
    ------
    DataError
        If the shapes do not fit each other, a value is not finite, or a domain has fewer than `least` examples.
    """
    parts = [np.asarray(each, np.float32) for each in (source, target)]
    if any(part.ndim != 2 for part in parts) or parts[0].shape[1] != parts[1].shape[1]:
        raise DataError(
            f"source and target must be features (n, d) and (m, d), not {parts[0].shape} and {parts[1].shape}: "
            "take both from the same backbone"
        )
    if min(map(len, parts)) < least:
        raise DataError(
            f"each domain must have {least} examples or more to be compared, "
            f"not {len(parts[0])} and {len(parts[1])}: add examples"
        )
    kept = [part[np.sort(rng.permutation(len(part))[:most])] for part in parts]
    X = np.concatenate(kept)
    if not np.isfinite(X).all():
        raise DataError("features must be finite numbers, and some are not: leave these examples out")
    X -= X.mean(axis=0, dtype=np.float64).astype(np.float32)
    length = float(np.sqrt(np.einsum("nd,nd->n", X, X).mean()))
    X /= length or 1.0
    return X, np.repeat([False, True], [len(part) for part in kept])


def _held_out(X: npt.NDArray[np.float32], of_target: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.bool_]:
    """Return which domain each example is said to be of by a ridge classifier that has not seen it."""
    alike = X @ X.T if len(X) < X.shape[1] else None
    said = np.zeros(len(X), bool)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, of_target):
        # Both domains weigh the same, however many examples they have.
        weight = 0.5 / np.where(of_target[train], of_target[train].mean(), 1 - of_target[train].mean())
        goal = np.where(of_target[train], 1.0, -1.0)
        if alike is not None:
            kernel = (alike[np.ix_(train, train)] + 1).astype(np.float64)
            kernel[np.diag_indices(len(train))] += PENALTY * len(train) / weight
            score = (alike[np.ix_(test, train)] + 1) @ cho_solve(cho_factor(kernel), goal)
        else:
            one = np.column_stack([X[train], np.ones(len(train))]).astype(np.float64)
            normal = (one * weight[:, None]).T @ one
            normal[np.diag_indices(len(normal))] += PENALTY * len(train)
            score = np.column_stack([X[test], np.ones(len(test))]) @ cho_solve(
                cho_factor(normal), one.T @ (weight * goal)
            )
        said[test] = score > 0
    return said


def _misses(rate: float, n: int) -> tuple[float, float]:
    """Return how far below and above a cross-validated rate its interval reaches.

    Folds share what they learn from, so n examples tell as much as fewer independent ones.
    """
    told = max(1, round(n / OVERLAP))
    low, high = wilson(round(rate * told), told)
    return max(0.0, rate - low), max(0.0, high - rate)


def _distance(accuracy: float) -> float:
    return max(0.0, 2 * (1 - 2 * (1 - accuracy)))
