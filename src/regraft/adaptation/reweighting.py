"""What methods share that let the source's examples count as much as they look like the target's."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Adaptation, Floats, Known
from regraft.errors import UsageError
from regraft.heads.weighted_logistic import WeightedLogisticHead


class Reweighting(Adaptation):
    """Logistic regression on source examples weighted by how common they would be in the target.

    Weights have a mean of 1, which is also that of an example of the target whose label is known. They are raised to
    a power below 1 where otherwise too few examples would be left to learn from: where a domain can be told by many
    features, some weights are beyond all others.

    Parameters
    ----------
    least_effective : float
        0 to 1: share of the source which is at least to be left, by effective sample size.
    C : float, optional
        Inverse strength of the classifier's penalty; default: by weighted cross-validation.
    seed : int

    Attributes
    ----------
    weights_ : array of shape (n,)
        Of the source's examples.

    References
    ----------
    Shimodaira, Improving predictive inference under covariate shift by weighting the log-likelihood function, 2000
    (the weights, and the power between none of them and all).
    """

    def __init__(self, least_effective: float = 0.8, C: float | None = None, seed: int = 0):
        self.least_effective = least_effective
        self.C = C
        self.seed = seed

    @abstractmethod
    def _ratio(self, X: Floats, target: Floats) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
        """Return the target's density over the source's at each source example (n,), up to a factor."""

    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        if not 0 < self.least_effective <= 1:
            raise UsageError(f"least_effective must be above 0 and at most 1, not {self.least_effective}")
        ratio, chosen = np.ones(len(X)), dict[str, Any]()
        if target is not X:  # else there is no other domain
            ratio, chosen = self._ratio(X, target)
        self.weights_, power = flattened(ratio, self.least_effective)
        weights = np.concatenate([self.weights_, np.ones(len(known))])
        head = WeightedLogisticHead(weights, C=self.C, seed=self.seed)
        head.fit(np.concatenate([X, target[known.rows]]), np.concatenate([y, known.y]))
        tensors, settings = head.state()
        effective = {"effective_sample_size": effective_size(self.weights_), "weight_power": power}
        return "logistic", tensors, {**settings, **effective, **chosen}


def effective_size(weights: np.ndarray) -> float:
    """Return how many examples of equal weight would say as much (Kish, 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


def flattened(ratio: np.ndarray, least: float) -> tuple[npt.NDArray[np.float64], float]:
    """Return weights (n,) of mean 1, and the largest power up to 1 of the ratio at which they leave enough."""
    log = np.log(np.maximum(ratio / ratio.max(), 1e-300)) if ratio.max() > 0 else np.zeros(len(ratio))

    def raised(power: float) -> npt.NDArray[np.float64]:
        weights = np.exp(power * log)
        return weights / weights.mean()

    low, high = 0.0, 1.0
    if effective_size(raised(1.0)) >= least * len(ratio):
        return raised(1.0), 1.0
    for _ in range(30):  # the effective size falls with the power
        middle = (low + high) / 2
        low, high = (middle, high) if effective_size(raised(middle)) >= least * len(ratio) else (low, middle)
    return raised(low), low
