"""How sure a share of successes is."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from regraft.errors import DataError


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
