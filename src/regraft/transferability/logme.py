"""LogME: how probable the labels are under a linear model of the features whose weights are integrated out.

You, Liu, Wang & Long, LogME: Practical Assessment of Pre-trained Models for Transfer Learning, ICML 2021; the fixed
point for all classes at once as in You et al., Ranking and Tuning Pre-trained Models, JMLR 2022.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.transferability.labelled import check_labelled, spectrum

MAX_ITER, TOLERANCE = 200, 1e-4
"""Most rounds, and the change of log(alpha / beta) at which they end.

At its maximum the evidence is flat: an error of 1e-4 there changes LogME by about 1e-9.
"""


def logme(features: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the logarithm of the maximum evidence, a label and a class: the higher, the better the transfer.

    Parameters
    ----------
    features : float array of shape (n, d)
        As the network gives them, neither centred nor scaled.
    y : array of shape (n,)
        Labels.

    Returns
    -------
    float
        In nats; the mean over the classes of the log evidence of each one's 0/1 indicator, divided by n.

    Raises
    ------
    DataError
        If it is undefined: one class only, or features that never differ.

    Notes
    -----
    For one class's indicator t, weights have the prior N(0, 1/alpha) and noise N(0, 1/beta). With the singular
    value decomposition of the features shared, a round of the fixed point costs min(n, d) multiplications a class.

    References
    ----------
    You, Liu, Wang & Long, LogME: Practical Assessment of Pre-trained Models for Transfer Learning, ICML 2021.
    """
    values, labels = check_labelled(features, y)
    n = len(values)
    energy, along = spectrum(values, labels)
    squares = along**2
    counts = np.bincount(labels)
    outside = counts - squares.sum(axis=0)
    outside[outside < 1e-10 * counts] = 0.0  # rounding leaves some 1e-13 of an indicator that the features span
    return float(_evidence(energy, squares, outside, n).mean() / n)


def _evidence(
    energy: npt.NDArray[np.float64], squares: npt.NDArray[np.float64], outside: npt.NDArray[np.float64], n: int
) -> npt.NDArray[np.float64]:
    """Return the maximum log evidence (k,) of indicators with squares (r, k) along the axes, and the rest outside."""
    rank = len(energy)
    # Where the features give a class exactly, by a leak or by copies of images, no noise is too small; and where they
    # say nothing of it, no weight is. Beyond these bounds the evidence of all others changes no more.
    lowest, highest = 1e-6 * energy[0], 1e6 * energy[-1]
    ratio = np.full(squares.shape[1], energy.sum() / n)
    for _ in range(MAX_ITER):
        alpha, beta = _strengths(energy, squares, outside, n, ratio)
        before, ratio = ratio, np.clip(alpha / beta, lowest, highest)
        if np.abs(np.log(ratio / before)).max() < TOLERANCE:
            break
    shrunk = energy[:, None] + ratio
    error = ratio**2 * (squares / shrunk**2).sum(axis=0) + outside
    length = (energy[:, None] * squares / shrunk**2).sum(axis=0)
    # Given their ratio, the best size of the two is known: half of n over the whole penalised error.
    beta = n / (error + ratio * length)
    spread = np.log(shrunk).sum(axis=0) - rank * np.log(ratio)
    return n / 2 * (np.log(beta) - np.log(2 * np.pi) - 1) - spread / 2


def _strengths(
    energy: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    outside: npt.NDArray[np.float64],
    n: int,
    ratio: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the next alpha and beta (k,) of a fixed-point round at alpha / beta = ratio (k,)."""
    shrunk = energy[:, None] + ratio
    used = (energy[:, None] / shrunk).sum(axis=0)
    # n - used, without taking nearly equal numbers from each other.
    unused = n - len(energy) + (ratio / shrunk).sum(axis=0)
    error = ratio**2 * (squares / shrunk**2).sum(axis=0) + outside
    length = (energy[:, None] * squares / shrunk**2).sum(axis=0)
    return used / np.maximum(length, 1e-300), unused / np.maximum(error, 1e-300)
