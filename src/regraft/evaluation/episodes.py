"""Few-shot episodes: a few examples a class are drawn at random, over and over, and the rest is the test."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError

Index = npt.NDArray[np.int64]


def draw(
    y: npt.NDArray[np.int64],
    shots: int,
    rng: np.random.Generator,
    *,
    class_names: tuple[str, ...],
    pool: Index | None = None,
) -> Index:
    """Return a support set: `shots` examples of each class, at random.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices.
    shots : int
        Examples a class.
    rng : numpy.random.Generator
    class_names : tuple of str
        For the message.
    pool : int array, optional
        The examples to draw from; default: all.

    Returns
    -------
    int array of shape (shots x classes,)
        Rising.

    Raises
    ------
    DataError
        If a class has fewer examples.
    """
    pool = np.arange(len(y)) if pool is None else pool
    check_shots(y, shots, class_names=class_names, pool=pool)
    drawn = [rng.choice(pool[y[pool] == c], shots, replace=False) for c in range(len(class_names))]
    return np.sort(np.concatenate(drawn))


def check_shots(
    y: npt.NDArray[np.int64], shots: int, *, class_names: tuple[str, ...], pool: Index, spare: int = 0
) -> None:
    """Check that every class has so many examples, and some to spare for the test.

    Raises
    ------
    DataError
        If a class has fewer.
    """
    counts = np.bincount(y[pool], minlength=len(class_names))
    smallest = int(counts.argmin())
    if counts[smallest] < shots + spare:
        left = ", of which one must be left to test on" if spare else ""
        raise DataError(
            f"{shots} images a class must be at hand to learn from, but {class_names[smallest]!r} has "
            f"{counts[smallest]}{left}; ask for {max(1, counts[smallest] - spare)} or fewer, or add images."
        )


def mean_ci95(values: list[float]) -> tuple[float, tuple[float, float]]:
    """Return the mean of accuracies over episodes, and its 95% interval by Student's t, kept within 0 and 1.

    It covers the draw of the few examples; the tested images are nearly the same in all episodes.

    Parameters
    ----------
    values : list of float, length 2 or more

    Raises
    ------
    DataError
        If there are fewer than two.
    """
    if len(values) < 2:
        raise DataError(f"An interval must have 2 episodes or more, not {len(values)}; raise --episodes.")
    from scipy.stats import t

    mean = fmean(values)
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return mean, (max(0.0, mean - half), min(1.0, mean + half))
