"""What more labels would bring: accuracy over sub-samples of the training images, and its extrapolation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.splits import folds
from regraft.errors import DataError
from regraft.protocol import FOLDS

SIZES = 6
"""Sub-samples of each training part, from a sixteenth of it to all of it."""

FEWEST = 5
"""Images a class, below which there is nothing to draw sub-samples from."""

EXPONENTS = np.geomspace(0.2, 2.0, 16)
"""How fast the error falls: what was ever seen of learning curves lies within."""

MORE = (2, 4)
"""How many times as many labels."""

RESAMPLES = 300

WORK = 1e8
"""Most (images squared x classes) that a curve is measured on: about half a minute."""


@dataclass(frozen=True)
class Gain:
    """What more labels would bring.

    Parameters
    ----------
    times : int
        How many times as many labels as there are.
    gain : float
        Expected rise of the accuracy, as a share.
    ci95 : (float, float)
        95% interval of that rise.
    """

    times: int
    gain: float
    ci95: tuple[float, float]

    @property
    def text(self) -> str:
        """In a few words: "about +2 points (0 to 4) for twice the labels"."""
        low, high = (100 * value for value in self.ci95)
        often = {2: "twice", 4: "four times"}.get(self.times, f"{self.times} times")
        digits = 0 if high >= 2 else 1
        expected = f"{100 * self.gain:.{digits}f}"
        points = "point" if expected == "1" else "points"
        return f"about +{expected} {points} ({low:.{digits}f} to {high:.{digits}f}) for {often} the labels"


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy over the number of training images.

    Parameters
    ----------
    sizes : tuple of int
        Training images, on average over the folds.
    accuracy, accuracy_se : tuple of float
        On images not trained on, and its standard error.
    images : int
        Training images that there are, of which more are thought of.
    gains : tuple of Gain
        Empty where nothing can be said.
    reason : str or None
        Why nothing can be said.
    """

    sizes: tuple[int, ...] = ()
    accuracy: tuple[float, ...] = ()
    accuracy_se: tuple[float, ...] = ()
    images: int = 0
    gains: tuple[Gain, ...] = ()
    reason: str | None = None

    @property
    def text(self) -> str:
        """A sentence for the user."""
        if self.reason is not None:
            return f"What more labels would bring is not known: {self.reason}"
        now = f"{self.accuracy[-1]:.3f} with {self.sizes[-1]:,} images"
        return f"{now}; more labels: {'; '.join(gain.text for gain in self.gains)}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "sizes": list(self.sizes),
            "accuracy": list(self.accuracy),
            "accuracy_se": list(self.accuracy_se),
            "images": self.images,
            "gains": [{"times": g.times, "gain": g.gain, "ci95": list(g.ci95)} for g in self.gains],
            "reason": self.reason,
            "text": self.text,
        }


def learning_curve(
    features: npt.NDArray[np.float32],
    y: npt.NDArray[np.int64],
    groups: npt.NDArray[np.str_] | None = None,
    *,
    images: int | None = None,
    head: str = "logistic",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> LearningCurve:
    """Measure how accuracy grows with the training images, and extrapolate it.

    In each of five folds a head learns from sub-samples of the training part, each within the next larger one. To
    the mean accuracies a power law a - b n^-c is fitted; images drawn with replacement, again and again, say how
    sure its continuation is.

    Parameters
    ----------
    features : array of shape (n, d)
    y : int array of shape (n,)
        Class indices.
    groups : array of str of shape (n,), optional
        Examples of one group never straddle a fold.
    images : int, optional
        Training images that there are, where these n are a sample of them.
    head : str
        Name of a head.
    settings : mapping, optional
        Of that head.
    seed : int
        Draws folds and sub-samples.

    Returns
    -------
    LearningCurve
        With a reason and no figures where there are too few images.

    References
    ----------
    C. Cortes et al., "Learning Curves: Asymptotic Values and Rate of Convergence", 1994; T. Viering and M. Loog, "The
    Shape of Learning Curves: a Review", 2021.
    """
    labels = np.unique(y, return_inverse=True)[1]
    refused = _refused(labels)
    if not refused and not np.ptp(features, axis=0).any():
        refused = "the features are the same for all images."
    if refused:
        return LearningCurve(reason=refused)
    rows = _affordable(labels, seed)
    of_rows = None if groups is None else groups[rows]
    try:
        pairs = folds(labels[rows], of_rows, FOLDS, seed)
    except DataError as error:
        return LearningCurve(reason=str(error))
    nested = [_nested(train, labels[rows], seed) for train, _ in pairs]
    right = _right(features[rows], labels[rows], of_rows, pairs, nested, head, dict(settings or {}), seed)
    sizes = np.mean([[len(part) for part in parts] for parts in nested], axis=0)
    accuracy = right.mean(axis=0)
    total = len(y) if images is None else images
    return LearningCurve(
        sizes=tuple(round(size) for size in sizes.tolist()),
        accuracy=tuple(accuracy.tolist()),
        accuracy_se=tuple((right.std(axis=0) / np.sqrt(len(right))).tolist()),
        images=total,
        gains=_gains(sizes, right, total, seed),
    )


def power_law(
    sizes: npt.ArrayLike, accuracy: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[float, float, float]:
    """Return (a, b, c) of the curve a - b n^-c that is nearest to accuracies, with 0 <= b, a <= 1 and c in `EXPONENTS`.

    Parameters
    ----------
    sizes : array of shape (s,)
        Training images, of 2 sizes or more.
    accuracy : array of shape (s,)
    weights : array of shape (s,), optional
        How much each counts.
    """
    n, target = np.asarray(sizes, float), np.asarray(accuracy, float)
    share = np.ones(len(n)) if weights is None else np.asarray(weights, float)
    share = share / share.sum()
    fits = [_line(-(n**-c), target, share) for c in EXPONENTS]
    _, a, b, c = min((*fit, c) for fit, c in zip(fits, EXPONENTS.tolist(), strict=True))
    return a, b, c


def _line(x: np.ndarray, y: np.ndarray, share: np.ndarray) -> tuple[float, float, float]:
    """Return the squared error, and the best a + b x with b >= 0 and a <= 1, for x below 0."""
    centre = float(share @ x)
    b = max(0.0, float(share @ ((x - centre) * y)) / float(share @ (x - centre) ** 2))
    a = float(share @ y) - b * centre
    if a > 1:
        a, b = 1.0, max(0.0, float(share @ ((y - 1) * x)) / float(share @ x**2))
    return float(share @ (y - a - b * x) ** 2), a, b


def _gains(sizes: np.ndarray, right: npt.NDArray[np.float64], images: int, seed: int) -> tuple[Gain, ...]:
    """Return what more labels would bring, from whether each image was named correctly at each size (m, sizes)."""
    random = np.random.default_rng(seed)
    # What is near counts most for what comes next.
    near = np.sqrt(sizes)

    def rises(accuracy: np.ndarray, weights: np.ndarray) -> list[float]:
        _, b, c = power_law(sizes, accuracy, weights)
        return [b * (images**-c - (times * images) ** -c) for times in MORE]

    # No curve is a power law all along: the sizes are weighted anew each time too, not the images alone.
    resampled = [
        rises(right[random.integers(0, len(right), len(right))].mean(axis=0), near * random.exponential(size=len(near)))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    expected = rises(right.mean(axis=0), near)
    return tuple(
        Gain(times, gain, (min(float(a), gain), max(float(b), gain)))
        for times, gain, a, b in zip(MORE, expected, low, high, strict=True)
    )


def _refused(labels: npt.NDArray[np.intp]) -> str | None:
    """Return why no curve can be measured."""
    counts = np.bincount(labels)
    if len(counts) < 2:
        return "a curve needs two classes or more."
    usual = float(np.median(counts))
    if usual < FEWEST:
        return f"it needs {FEWEST} images a class or more, but the median class has {usual:g}."
    if len(counts) ** 3 * FEWEST**2 > WORK:
        return f"with {len(counts):,} classes it would take too long to measure."
    return None


def _affordable(labels: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.intp]:
    from regraft.heads.folds import stratified_rows

    k = int(labels.max()) + 1
    return stratified_rows(labels, max(FEWEST * k, int(min(2000, np.sqrt(WORK / k)))), seed)


def _nested(train: npt.NDArray[np.int64], labels: np.ndarray, seed: int) -> list[npt.NDArray[np.int64]]:
    """Return sub-samples of training rows, each within the next, every class in its share and none left out."""
    random = np.random.default_rng(seed)
    of_class = [random.permutation(train[labels[train] == label]) for label in np.unique(labels[train])]
    smallest = max(1 / 16, min(0.5, 2 * len(of_class) / len(train)))
    shares = np.geomspace(smallest, 1.0, SIZES)
    return [np.concatenate([rows[: max(1, round(len(rows) * share))] for rows in of_class]) for share in shares]


def _right(
    features: npt.NDArray[np.float32],
    labels: npt.NDArray[np.intp],
    groups: np.ndarray | None,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    nested: Sequence[Sequence[np.ndarray]],
    head: str,
    settings: dict[str, Any],
    seed: int,
) -> npt.NDArray[np.float64]:
    """Return whether each held-out image is named correctly after learning from each size (m, sizes)."""
    from threadpoolctl import threadpool_limits

    from regraft.heads import build_head

    every = [(part, test) for (_, test), parts in zip(pairs, nested, strict=True) for part in parts]
    # These matrices are small: threads that wait for each other cost ten times the work.
    with threadpool_limits(limits=1):
        built = build_head(head, **settings)
        if "seed" in built.get_params():
            built.set_params(seed=seed)
        says = built.fit(features, labels, groups).out_of_fold(features, labels, every, groups).argmax(axis=1)
    ends = np.cumsum([len(test) for _, test in every])[:-1]
    right = np.split(says == np.concatenate([labels[test] for _, test in every]), ends)
    return np.concatenate([np.stack(right[i : i + SIZES], axis=1) for i in range(0, len(right), SIZES)]).astype(float)
