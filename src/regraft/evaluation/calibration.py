"""What makes probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from regraft.evaluation.reliability import checked

Method = Literal["none", "temperature", "isotonic"]

ISOTONIC_FROM = 1000
"""Held-out images that curves of any shape need; below, they learn the noise."""

ISOTONIC_PER_CLASS = 50
"""Held-out images a class, on average, that they need as well."""

TEMPERATURE_FROM = 10
"""Held-out images that even one number needs."""

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is done to a head's probabilities so that they mean what they say.

    Parameters
    ----------
    method : {"none", "temperature", "isotonic"}
        Nothing; the logarithms are multiplied by a number, which never changes the most probable class; or each
        class's probability goes through a rising curve, after which they are made to sum to 1 again.
    inverse_temperature : float
        That number.
    curves : tuple of (x, y) pairs of float arrays
        The corners of each class's curve, k of them.
    smoothing : float
        Share of every class alike in the result of the curves: none is ever 0 or 1.
    """

    method: Method = "none"
    inverse_temperature: float = 1.0
    curves: tuple[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], ...] = ()
    smoothing: float = 0.0

    def apply(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the calibrated probabilities (n, k) of a head's probabilities (n, k)."""
        p = np.asarray(probabilities, dtype=np.float64)
        if self.method == "temperature":
            return tempered(p, self.inverse_temperature)
        if self.method == "none":
            return p
        mapped = np.stack([np.interp(p[:, c], x, y) for c, (x, y) in enumerate(self.curves)], axis=1)
        mapped += self.smoothing
        return mapped / mapped.sum(axis=1, keepdims=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the curves."""
        return {"method": self.method, "inverse_temperature": self.inverse_temperature, "smoothing": self.smoothing}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the plain settings that `from_state` takes."""
        if not self.curves:
            return {}, self.to_dict()
        return {
            "x": np.concatenate([x for x, _ in self.curves]),
            "y": np.concatenate([y for _, y in self.curves]),
            "corners": np.array([len(x) for x, _ in self.curves], np.int64),
        }, self.to_dict()

    @classmethod
    def from_state(cls, tensors: dict[str, np.ndarray], settings: dict[str, Any]) -> Calibration:
        """Return the calibration whose `state()` this was."""
        curves: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
        known = settings["method"] in get_args(Method) and bool(tensors) == (settings["method"] == "isotonic")
        if not known or settings["inverse_temperature"] <= 0 or settings["smoothing"] < 0:
            raise ValueError(f"calibration {settings}")
        if tensors:
            ends = np.cumsum(tensors["corners"])[:-1]
            curves = tuple(zip(np.split(tensors["x"], ends), np.split(tensors["y"], ends), strict=True))
        numbers = {name: float(settings[name]) for name in ("inverse_temperature", "smoothing")}
        return cls(curves=curves, **{**settings, **numbers})


def tempered(probabilities: npt.NDArray[np.float64], inverse_temperature: float) -> npt.NDArray[np.float64]:
    """Return p^s, made to sum to 1 again in each row, for probabilities p (n, k) and an inverse temperature s."""
    logs = inverse_temperature * _logs(probabilities)
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def uncalibrated(probabilities: npt.ArrayLike, inverse_temperature: float) -> npt.NDArray[np.float64]:
    """Return what a head's probabilities (n, k) were before it multiplied its logits by an inverse temperature."""
    return tempered(np.asarray(probabilities, dtype=np.float64), 1 / inverse_temperature)


def _logs(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.log(np.maximum(p, np.finfo(np.float64).tiny))


def fit_calibration(
    probabilities: npt.ArrayLike, y: npt.ArrayLike, seed: int = 0, *, tempered: bool = False
) -> Calibration:
    """Choose and fit a calibration on held-out probabilities.

    Each method is judged by the log loss of images that it was not fitted on. A more complex one must be better
    by more than one standard error of the paired difference; the curves are tried from 1,000 images on.

    Parameters
    ----------
    probabilities : float array of shape (n, k)
        Of images that the head was not fitted on.
    y : int array of shape (n,)
        Class indices.
    seed : int
        Deals the images into folds.
    tempered : bool
        Whether the head has chosen a temperature already: a second one would only fit chance.

    Returns
    -------
    Calibration

    Raises
    ------
    DataError
        If the arrays do not fit, or are empty.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, 2017 (temperature); Zadrozny & Elkan, Transforming
    classifier scores into accurate multiclass probability estimates, 2002 (isotonic, one class against the rest).
    """
    p, y = checked(probabilities, y)
    n, k = p.shape
    methods: list[Method] = ["none"]
    if n >= TEMPERATURE_FROM and not tempered:
        methods.append("temperature")
    if n >= max(ISOTONIC_FROM, ISOTONIC_PER_CLASS * k):
        methods.append("isotonic")
    best: Method = "none"
    least = _losses(p, y)
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    for method in methods[1:]:
        loss = np.empty(n)
        for number in range(FOLDS):
            held_out = fold == number
            fitted = _fitted(method, p[~held_out], y[~held_out])
            loss[held_out] = _losses(fitted.apply(p[held_out]), y[held_out])
        gain = least - loss
        if gain.mean() > gain.std(ddof=1) / np.sqrt(n):
            best, least = method, loss
    return _fitted(best, p, y)


def _losses(p: npt.NDArray[np.float64], y: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    # Kept off 0, where one confident mistake would make the loss infinite.
    return -np.log(np.maximum(p[np.arange(len(y)), y], np.finfo(np.float64).eps))


def _fitted(method: Method, p: npt.NDArray[np.float64], y: npt.NDArray[np.intp]) -> Calibration:
    if method == "temperature":
        from regraft.heads.temperature import fit_temperature

        return Calibration("temperature", fit_temperature(_logs(p), y)[0])
    if method == "isotonic":
        curves = tuple(_curve(p[:, c], y == c) for c in range(p.shape[1]))
        return Calibration("isotonic", curves=curves, smoothing=1 / (len(y) + 1))
    return Calibration()


def _curve(
    p: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the corners of the rising curve that is nearest to the outcomes."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, positive)
    return fitted.X_thresholds_.astype(np.float64), fitted.y_thresholds_.astype(np.float64)
