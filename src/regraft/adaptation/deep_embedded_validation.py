"""Importance-weighted validation with a control variate, which takes most of the weights' noise away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def deep_embedded(losses: npt.ArrayLike, weights: npt.ArrayLike) -> float:
    """Return the risk on the target that held-out losses on the source speak for; lower is better.

    Parameters
    ----------
    losses : array of shape (n,)
        Of held-out source examples.
    weights : array of shape (n,)
        The target's density over the source's there; their mean is 1 by nature, which is what they are corrected by.

    Returns
    -------
    float

    References
    ----------
    You et al., Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation, 2019.
    """
    loss, weight = np.asarray(losses, np.float64), np.asarray(weights, np.float64)
    weighted = loss * weight
    variance = weight.var(ddof=1) if len(weight) > 1 else 0.0
    if variance == 0:
        return float(weighted.mean())
    slope = np.cov(weighted, weight, ddof=1)[0, 1] / variance
    return float(weighted.mean() - slope * (weight.mean() - 1))
