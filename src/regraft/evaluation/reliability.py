"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.evaluation.intervals import wilson

BINS = 15
SMALLEST_BIN = 10
"""Of fewer images a bin's accuracy is mostly chance, which the error would count."""

RESAMPLES = 200


@dataclass(frozen=True)
class Bin:
    """Images of about the same confidence.

    Parameters
    ----------
    confidence : float
        Mean probability of the predicted class.
    accuracy : float
        Share of them that are predicted correctly; the same as `confidence` if the probabilities are right.
    accuracy_ci95 : (float, float)
        Wilson's interval of that share.
    count : int
        Images.
    """

    confidence: float
    accuracy: float
    accuracy_ci95: tuple[float, float]
    count: int


@dataclass(frozen=True)
class Reliability:
    """How far confidence and accuracy are apart.

    Parameters
    ----------
    bins : tuple of Bin
        From the least to the most confident images.
    ece : float
        Expected calibration error: mean distance of confidence and accuracy over the bins.
    ece_ci95 : (float, float)
        Interval of the true error, which chance alone makes look larger than it is.
    ece_by_chance : float
        The error that probabilities which are exactly right would show on so many images.
    brier : float
        Mean squared distance of the probabilities to 1 for the true class and 0 for the others, from 0 to 2.
    n : int
        Images.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_ci95: tuple[float, float]
    ece_by_chance: float
    brier: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        values["ece_ci95"] = list(self.ece_ci95)
        values["bins"] = [{**each, "accuracy_ci95": list(each["accuracy_ci95"])} for each in values["bins"]]
        return values


def ece(probabilities: npt.ArrayLike, y: npt.ArrayLike, bins: int = BINS) -> float:
    """Return the expected calibration error of the predicted class.

    Images are put in order of the probability of their predicted class, and dealt into bins of equal numbers.
    The error is the distance between mean probability and accuracy of a bin, averaged over the images.

    Parameters
    ----------
    probabilities : float array of shape (n, k)
    y : int array of shape (n,)
        Class indices.
    bins : int
        At most; each holds 10 images or more, and images of equal confidence share one.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    DataError
        If the arrays do not fit, or are empty.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, 2017; Nguyen & O'Connor, Posterior calibration and
    exploratory analysis for natural language processing models, 2015 (bins of equal numbers).
    """
    confidence, right = _confidence(*checked(probabilities, y))
    return _ece(confidence, right, bins)


def reliability(probabilities: npt.ArrayLike, y: npt.ArrayLike, bins: int = BINS, seed: int = 0) -> Reliability:
    """Return the reliability diagram of the predicted class, its error, and the Brier score.

    Parameters
    ----------
    probabilities : float array of shape (n, k)
    y : int array of shape (n,)
        Class indices.
    bins : int
        At most.
    seed : int
        Draws the samples that the interval comes from.

    Returns
    -------
    Reliability

    Raises
    ------
    DataError
        If the arrays do not fit, or are empty.

    References
    ----------
    Bröcker & Smith, Increasing the Reliability of Reliability Diagrams, 2007 (the error by chance).
    """
    p, y = checked(probabilities, y)
    confidence, right = _confidence(p, y)
    measured = _ece(confidence, right, bins)
    rng = np.random.default_rng(seed)
    n = len(y)
    # Sorted once, so that every sample is sorted nearly for free.
    order = np.argsort(confidence, kind="stable")
    ranked, hits = confidence[order], right[order]
    samples = (np.sort(rng.integers(0, n, n)) for _ in range(RESAMPLES))
    drawn = np.array([_ece(ranked[rows], hits[rows], bins) for rows in samples])
    made_up = ((rng.random(n) < ranked).astype(float) for _ in range(RESAMPLES // 4))
    by_chance = float(np.mean([_ece(ranked, as_promised, bins) for as_promised in made_up]))
    return Reliability(
        bins=tuple(_bin(confidence[rows], right[rows]) for rows in _dealt(confidence, bins)),
        ece=measured,
        ece_ci95=_interval(measured, drawn, by_chance),
        ece_by_chance=by_chance,
        brier=float(np.mean(np.sum(p**2, axis=1) - 2 * p[np.arange(n), y] + 1)),
        n=n,
    )


def _interval(measured: float, drawn: npt.NDArray[np.float64], by_chance: float) -> tuple[float, float]:
    """Return the interval of the true error from the errors of samples drawn anew.

    Chance adds to the error as independent errors add, by squares: once in the images, and once more in drawing from
    them. On made-up probabilities of known error (0, 0.02, 0.05 and 0.08; 250 and 650 images) the interval held it
    in 93% to 100% of 60 trials each, where the plain bootstrap held an error of 0 never.
    """
    low, high = np.quantile(np.sqrt(np.maximum(drawn**2 - 2 * by_chance**2, 0)), [0.025, 0.975])
    return min(float(low), measured), max(float(high), measured)


def _ece(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.float64], bins: int) -> float:
    gaps = [abs(float(np.sum(confidence[rows] - right[rows]))) for rows in _dealt(confidence, bins)]
    return sum(gaps) / len(confidence)


def _dealt(confidence: npt.NDArray[np.float64], bins: int) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each bin."""
    n = len(confidence)
    order = np.argsort(confidence, kind="stable")
    count = max(1, min(bins, n // SMALLEST_BIN))
    inner = np.arange(1, count) * n // count
    # Images of equal confidence cannot be told apart: a bin ends where the confidence changes.
    ends = np.unique(np.searchsorted(confidence[order], confidence[order[inner - 1]], side="right"))
    return np.split(order, ends[ends < n])


def _bin(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> Bin:
    count, correct = len(right), int(right.sum())
    return Bin(float(confidence.mean()), correct / count, wilson(correct, count), count)


def _confidence(
    p: npt.NDArray[np.float64], y: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the probability of the predicted class (n,), and 1 where it is the true one, else 0."""
    predicted = p.argmax(axis=1)
    return p[np.arange(len(p)), predicted], (predicted == y).astype(float)


def checked(probabilities: npt.ArrayLike, y: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return probabilities (n, k) and class indices (n,) as arrays, or raise DataError if they do not fit."""
    p, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(y)
    if p.ndim != 2 or not len(p) or truth.shape != (len(p),) or truth.dtype.kind not in "iu":
        raise DataError(
            "Probabilities must have shape (n, k) with n >= 1 and come with n class indices, but "
            f"{p.shape} and {truth.dtype} {truth.shape} came; take both from the same images."
        )
    if truth.min() < 0 or truth.max() >= p.shape[1] or not np.isfinite(p).all():
        raise DataError(
            f"Probabilities must be finite and class indices below {p.shape[1]}, but the indices go from "
            f"{truth.min()} to {truth.max()}; check the order of the classes."
        )
    return p, truth.astype(np.intp)
