"""Whether one classifier is better than another on the same images, and by how much."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.evaluation.intervals import wilson


def mcnemar(
    right_a: npt.ArrayLike, right_b: npt.ArrayLike, alternative: Literal["two-sided", "greater"] = "two-sided"
) -> float:
    """Return the exact p value that two classifiers are right equally often.

    Only the images that one names correctly and the other does not say anything about the difference:
    were the two equally good, each would win such an image as a fair coin falls.

    Parameters
    ----------
    right_a, right_b : bool array of shape (n,)
        Whether each classifier is right, image by image.
    alternative : {"two-sided", "greater"}
        Whether either may be the better one, or only the first.

    Returns
    -------
    float
        From 0 to 1; 1 where no image tells them apart.

    Raises
    ------
    DataError
        If the two are not about the same images.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947.
    """
    from scipy.stats import binomtest

    _, only_a, only_b, _ = _table(right_a, right_b)
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, alternative=alternative).pvalue)


def paired_gain(right_a: npt.ArrayLike, right_b: npt.ArrayLike) -> tuple[float, tuple[float, float]]:
    """Return how much more often the first classifier is right than the second, and a 95% interval.

    The interval joins the two proportions' score intervals by their correlation. It stays within -1..1 and is
    honest where no image, or every image, tells the two apart.

    Parameters
    ----------
    right_a, right_b : bool array of shape (n,)
        Whether each classifier is right, image by image.

    Returns
    -------
    gain : float
        Difference of the two shares, from -1 to 1.
    interval : (float, float)

    Raises
    ------
    DataError
        If the two are not about the same images.

    References
    ----------
    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", 1998, method 10.
    """
    both, only_a, only_b, neither = _table(right_a, right_b)
    n = both + only_a + only_b + neither
    a, b = both + only_a, both + only_b
    low_a, high_a = wilson(a, n)
    low_b, high_b = wilson(b, n)
    below_a, above_a, below_b, above_b = a / n - low_a, high_a - a / n, b / n - low_b, high_b - b / n
    correlation = _correlation(both, only_a, only_b, neither)
    gain = (only_a - only_b) / n
    low = gain - _joined(below_a, above_b, correlation)
    high = gain + _joined(above_a, below_b, correlation)
    return gain, (max(-1.0, low), min(1.0, high))


def _table(right_a: npt.ArrayLike, right_b: npt.ArrayLike) -> tuple[int, int, int, int]:
    """Return how many images both, only the first, only the second and neither classifier is right on."""
    a, b = np.asarray(right_a), np.asarray(right_b)
    if a.dtype != bool or b.dtype != bool or a.ndim != 1 or a.shape != b.shape or not len(a):
        raise DataError(
            "Two classifiers must be compared by bool arrays of one shape (n,) with n >= 1, right or wrong for each "
            f"image, but {a.dtype} {a.shape} and {b.dtype} {b.shape} came; take the same images for both."
        )
    return int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())


def _correlation(both: int, only_a: int, only_b: int, neither: int) -> float:
    product = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if product == 0:
        return 0.0
    excess = both * neither - only_a * only_b
    # The continuity correction is for a positive correlation only: that one would make the interval narrow.
    corrected = max(excess - (both + only_a + only_b + neither) / 2, 0.0) if excess > 0 else excess
    return corrected / sqrt(product)


def _joined(one: float, other: float, correlation: float) -> float:
    # Rounding may leave the square a hair below 0.
    return sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))
