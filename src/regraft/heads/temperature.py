"""One number that makes held-out probabilities as sure as they deserve to be."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp


def fit_temperature(logits: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float]:
    """Return the inverse temperature that minimises the log loss of held-out logits.

    The labels are smoothed as if one example more had been seen, of every class in equal parts, so that
    logits which happen to be all right on a small sample do not become certainties.

    Parameters
    ----------
    logits : array of shape (n, k)
        Held-out logits.
    y : int array of shape (n,)
        Class indices.
    weights : array of shape (n,), optional
        How much each example counts.

    Returns
    -------
    inverse_temperature : float
        To multiply logits by.
    log_loss : float
        The smoothed log loss in nats that it reaches.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, 2017; Platt, Probabilistic Outputs for Support
    Vector Machines, 1999 (the smoothed targets).
    """
    n = len(y)
    logits = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    smoothing = 1 / (n + 1)
    if weights is not None and not weights.sum() > 0:
        weights = None
    own = np.average(logits[np.arange(n), y], weights=weights)
    target = (1 - smoothing) * own + smoothing * np.average(logits.mean(axis=1), weights=weights)

    def log_loss(log_scale: float) -> float:
        scale = np.exp(log_scale)
        return float(np.average(logsumexp(scale * logits, axis=1), weights=weights) - scale * target)

    best = minimize_scalar(log_loss, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 0.01})
    return float(np.exp(best.x)), float(best.fun)
