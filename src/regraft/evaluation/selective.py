"""What is gained where a classifier may leave the images that it is least sure of to a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.intervals import wilson
from regraft.evaluation.reliability import checked

POINTS = 200
SHARE = 0.8
TARGETS = (0.99, 0.95)

SMALLEST = 20
"""Answered images below which an accuracy of 99% would say nothing."""


@dataclass(frozen=True)
class Answered:
    """The images of at least some confidence, which are answered; the others are left to a person.

    Parameters
    ----------
    share : float
        Of all images.
    threshold : float
        Least probability of the predicted class among them.
    accuracy : float
        Share of the answered images that are right.
    accuracy_ci95 : (float, float)
        Wilson's interval of it.
    count : int
        Answered images.
    """

    share: float
    threshold: float
    accuracy: float
    accuracy_ci95: tuple[float, float]
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "accuracy_ci95": list(self.accuracy_ci95)}


@dataclass(frozen=True)
class Target:
    """How many images can be answered with an accuracy that is asked for.

    Parameters
    ----------
    accuracy : float
        What is asked for.
    reached : Answered or None
        The most images with that accuracy here; None if it was never reached. The threshold was found on these very
        images, so that new ones will be answered a little less well.
    assured : Answered or None
        The most images whose accuracy's 95% interval lies wholly at or above it; None if there are none, as is
        always so with few images.
    sentence : str
        The same in words.
    """

    accuracy: float
    reached: Answered | None
    assured: Answered | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "accuracy": self.accuracy,
            "reached": None if self.reached is None else self.reached.to_dict(),
            "assured": None if self.assured is None else self.assured.to_dict(),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Selective:
    """Accuracy against the share of images that are answered.

    Parameters
    ----------
    shares, accuracies : tuple of float
        Points of the curve, at most 200, from few answered images to all.
    area : float
        Area under the risk-coverage curve: the share of mistakes among the surest images, averaged over how many
        of them are answered; 0 if every mistake is less sure than every hit and there are few.
    surest : Answered
        The surest 80% (more where images are equally sure).
    targets : tuple of Target
        For 99% and 95%.
    n : int
        Images.
    """

    shares: tuple[float, ...]
    accuracies: tuple[float, ...]
    area: float
    surest: Answered
    targets: tuple[Target, ...]
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "shares": list(self.shares),
            "accuracies": list(self.accuracies),
            "area": self.area,
            "surest": self.surest.to_dict(),
            "targets": [target.to_dict() for target in self.targets],
            "n": self.n,
        }


def selective(probabilities: npt.ArrayLike, y: npt.ArrayLike, things: str = "images") -> Selective:
    """Measure what is gained by answering only the images whose predicted class is probable enough.

    Parameters
    ----------
    probabilities : float array of shape (n, k)
    y : int array of shape (n,)
        Class indices.
    things : str
        What people call the images, where they are texts or recordings.

    Returns
    -------
    Selective

    Raises
    ------
    DataError
        If the arrays do not fit, or are empty.

    References
    ----------
    Geifman & El-Yaniv, Selective Classification for Deep Neural Networks, 2017.
    """
    p, y = checked(probabilities, y)
    n = len(y)
    predicted = p.argmax(axis=1)
    confidence = p[np.arange(n), predicted]
    order = np.argsort(-confidence, kind="stable")
    ranked, right = confidence[order], predicted[order] == y[order]
    # A threshold cannot tell images of one confidence apart: it falls where the confidence changes.
    counts = np.append(np.flatnonzero(np.diff(ranked)), n - 1) + 1
    hits = np.cumsum(right)[counts - 1]

    def answered(position: int) -> Answered:
        count, correct = int(counts[position]), int(hits[position])
        return Answered(count / n, float(ranked[count - 1]), correct / count, wilson(correct, count), count)

    every = [answered(position) for position in range(len(counts))]
    at = np.unique(np.linspace(0, len(counts) - 1, POINTS).round().astype(int))
    return Selective(
        shares=tuple((counts[at] / n).tolist()),
        accuracies=tuple((hits[at] / counts[at]).tolist()),
        area=_area(counts, hits, n),
        surest=every[int(np.searchsorted(counts, ceil(SHARE * n - 1e-9)))],
        targets=tuple(_target(accuracy, every, things) for accuracy in TARGETS),
        n=n,
    )


def _area(counts: npt.NDArray[np.intp], hits: npt.NDArray[np.intp], n: int) -> float:
    """Return the mean risk over the numbers 1..n of answered images; of equally sure ones any may come first."""
    expected = np.interp(np.arange(1, n + 1), np.append(0, counts), np.append(0, hits))
    return float(np.mean(1 - expected / np.arange(1, n + 1)))


def _target(accuracy: float, every: list[Answered], things: str) -> Target:
    enough = [each for each in every if each.count >= SMALLEST]
    reached = next((each for each in reversed(enough) if each.accuracy >= accuracy), None)
    assured = next((each for each in reversed(enough) if each.accuracy_ci95[0] >= accuracy), None)
    n = every[-1].count
    if reached is None:
        sentence = f"No threshold leaves {SMALLEST} or more of the {n} {things} with {accuracy:.0%} of them right."
    elif reached.count == n:
        sentence = f"All of these {n} {things} can be answered with {reached.accuracy:.1%} right."
    else:
        sentence = (
            f"Of these {n} {things} the surest {reached.share:.0%} (confidence {reached.threshold:.2f} and above) are "
            f"answered with {reached.accuracy:.1%} right; on new {things} expect a little less, since the threshold "
            "was found on these."
        )
    return Target(accuracy, reached, assured, sentence)
