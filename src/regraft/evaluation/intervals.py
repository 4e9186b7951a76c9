"""How sure a figure is."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError

RESAMPLES = 500


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for a proportion.

    Unlike the textbook interval it stays within 0..1 and is honest for few trials and for
    proportions near 0 or 1.

    Parameters
    ----------
    successes : int
        Trials that succeeded, 0..n.
    n : int
        Trials, at least 1.
    level : float
        How often such intervals cover the true proportion, between 0 and 1.

    Returns
    -------
    low, high : float

    Raises
    ------
    DataError
        If the counts or the level are out of range.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if n < 1:
        raise DataError(f"n must be at least 1 for an interval, got {n}; count more trials")
    if not 0 <= successes <= n:
        raise DataError(f"successes must be between 0 and n = {n}, got {successes}; check the counts")
    if not 0 < level < 1:
        raise DataError(f"level must be between 0 and 1, got {level}; 0.95 is usual")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At no or all successes the bound is 0 or 1 exactly; rounding would miss it by a hair.
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high


def bootstrap(
    y: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Return 95% intervals of figures that have no formula of their own, by drawing the images anew.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices.
    probabilities : float array of shape (n, k)
    seed : int

    Returns
    -------
    dict of str to (float, float)
        "balanced_accuracy", "macro_f1", "log_loss": percentiles of 500 samples of n images.

    References
    ----------
    B. Efron, "Bootstrap methods: another look at the jackknife", 1979.
    """
    n, k = probabilities.shape
    said = probabilities.argmax(axis=1)
    losses = -np.log(np.clip(probabilities[np.arange(n), y], np.finfo(np.float64).eps, 1))
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {"balanced_accuracy": [], "macro_f1": [], "log_loss": []}
    for _ in range(RESAMPLES):
        rows = rng.integers(0, n, n)
        truth, named = y[rows], said[rows]
        support, predicted = np.bincount(truth, minlength=k), np.bincount(named, minlength=k)
        hits = np.bincount(truth[truth == named], minlength=k)
        there, counted = support > 0, support + predicted > 0
        drawn["balanced_accuracy"].append(float((hits[there] / support[there]).mean()))
        drawn["macro_f1"].append(float((2 * hits[counted] / (support + predicted)[counted]).mean()))
        drawn["log_loss"].append(float(losses[rows].mean()))
    bounds = {name: np.quantile(values, [0.025, 0.975]) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}
