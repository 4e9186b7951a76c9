"""Kernel mean matching: weights under which the source's mean in a kernel's space is the target's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Floats
from regraft.adaptation.reweighting import Reweighting
from regraft.errors import UsageError

PART = 2000
"""Source examples matched at once, and target examples that stand for all: both domains are dealt into such parts."""

ITERATIONS = 500
"""Most steps of the projected gradient."""


class KernelMeanMatching(Reweighting):
    """Logistic regression on source examples weighted so that their mean in a Gaussian kernel's space is the target's.

    A large source is matched part by part (Miao et al., Ensemble Kernel Mean Matching, 2015).

    Parameters
    ----------
    bound : float
        Most that an example may weigh, against a mean of 1.
    least_effective : float
        0 to 1: share of the source which is at least to be left, by effective sample size; the weights are raised to
        a power below 1 where needed.
    C : float, optional
        Inverse strength of the classifier's penalty; default: by weighted cross-validation.
    seed : int

    Attributes
    ----------
    weights_ : array of shape (n,)
        Of the source's examples.

    References
    ----------
    Huang et al., Correcting Sample Selection Bias by Unlabeled Data, 2006.
    """

    def __init__(self, bound: float = 20.0, least_effective: float = 0.8, C: float | None = None, seed: int = 0):
        super().__init__(least_effective, C, seed)
        self.bound = bound

    def _ratio(self, X: Floats, target: Floats) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
        if self.bound <= 1:
            raise UsageError(f"bound must be above 1, the mean weight, not {self.bound}")
        random = np.random.default_rng(self.seed)
        stands = target[random.permutation(len(target))[:PART]]
        weights = np.empty(len(X))
        for rows in np.array_split(random.permutation(len(X)), -(-len(X) // PART)):
            within, across = _squared_distances(X[rows], X[rows]), _squared_distances(X[rows], stands)
            width = max(float(np.median(across)), 1e-12)
            means = np.exp(-across / width).mean(axis=1)
            weights[rows] = _matched(np.exp(-within / width), means, self.bound)
        # A weight of nothing has no logarithm to be flattened by.
        return np.maximum(weights, 1e-3), {"bound": self.bound}


def _squared_distances(A: Floats, B: Floats) -> npt.NDArray[np.float64]:
    own = [np.einsum("nd,nd->n", X, X, dtype=np.float64) for X in (A, B)]
    return np.maximum(own[0][:, None] + own[1] - 2 * (A @ B.T), 0)


def _matched(kernel: np.ndarray, means: np.ndarray, bound: float) -> npt.NDArray[np.float64]:
    """Return the weights w (n,), 0 to `bound` and 1 in the mean, of least |sum w_i phi(x_i) / n - mean of the target|.

    By the accelerated projected gradient of w'Kw / 2n - w'means.
    """
    n = len(kernel)
    step = n / np.linalg.eigvalsh(kernel)[-1]
    weights = ahead = np.ones(n)
    momentum = 1.0
    for _ in range(ITERATIONS):
        new = _projected(ahead - step * (kernel @ ahead / n - means), bound)
        after = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / after * (new - weights)
        done = np.abs(new - weights).max() < 1e-4
        weights, momentum = new, after
        if done:
            break
    return weights


def _projected(point: np.ndarray, bound: float) -> npt.NDArray[np.float64]:
    """Return the nearest point whose entries are 0 to `bound`, and 1 in the mean."""
    low, high = point.min() - bound, point.max()
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(point - middle, 0, bound).mean() > 1 else (low, middle)
    return np.clip(point - high, 0, bound)
