"""Classes that were learnt after the fit, from few images, beside a head that stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution, prepared
from regraft.heads.scoring import CHUNK, softmax, unit_rows


@dataclass(frozen=True, eq=False)
class Growth:
    """What was learnt after the fit: linear discriminants of all classes, and what goes with them.

    The discriminants' softmax says which share of an image belongs to each learnt class, and which to all that the
    head was fitted on; that share is divided by the head. So among its own classes the head decides as before.

    Parameters
    ----------
    mean : float32 array of shape (d,)
        Taken away from the features' signed roots, each backbone's at length one; length one again after it.
    coef : float16 array of shape (b + a, d)
        Of the b classes that the head was fitted on, and of the a learnt ones.
    intercept : float32 array of shape (b + a,)
    directions : float16 array of shape (q, d)
        What learnt classes add to the directions of the familiar.
    widths : tuple of int
        Columns of each backbone.
    costs : tuple of float
        For each learnt class, the share of the other classes' images that may be taken for it.
    limits : tuple of float or None
        For each learnt class, the strangeness from which on images named so are unlike anything seen; None where
        there are too few images to tell.
    conformal : Conformal or None
        What gives sets of plausible classes now.
    """

    mean: npt.NDArray[np.float32]
    coef: npt.NDArray[np.float16]
    intercept: npt.NDArray[np.float32]
    directions: npt.NDArray[np.float16]
    widths: tuple[int, ...]
    costs: tuple[float, ...]
    limits: tuple[float | None, ...]
    conformal: Conformal | None = None

    @property
    def base(self) -> int:
        """Number of the classes that the head was fitted on."""
        return len(self.coef) - len(self.costs)

    def apply(self, features: npt.NDArray[np.float32], probabilities: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the probabilities (n, b + a) of features (n, d), where the head's own (n, b) are given."""
        p = np.asarray(probabilities, np.float64)
        if p.shape[1] != self.base:
            raise ValueError(f"learnt classes stand beside {self.base} others, not beside {p.shape[1]}")
        weights = self.coef.astype(np.float32).T
        parts = []
        for start in range(0, max(len(p), 1), CHUNK):
            roots = prepared(np.asarray(features[start : start + CHUNK], np.float32), self.widths)
            scores = unit_rows(roots - self.mean) @ weights + self.intercept
            parts.append(divided(scores, p[start : start + CHUNK]))
        return np.concatenate(parts)

    def unfamiliar(
        self, familiarity: OutOfDistribution, features: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.bool_]:
        """Return which images are unlike all that was learnt from, before and after the fit.

        Parameters
        ----------
        familiarity : OutOfDistribution
            Of what the head was fitted on.
        features : array of shape (n, d)
        probabilities : array of shape (n, b + a)
            What `apply` says of them.
        """
        scores = widened(familiarity, self.directions).score(features, in_doubt(probabilities, self.base))
        of_learnt = [np.inf if limit is None else max(limit, familiarity.threshold) for limit in self.limits]
        limits = np.array([familiarity.threshold] * self.base + of_learnt)
        return scores > limits[probabilities.argmax(axis=1)]

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the plain settings that `from_state` takes."""
        arrays: dict[str, np.ndarray] = {
            "mean": self.mean,
            "coef": self.coef,
            "intercept": self.intercept,
            "directions": self.directions,
        }
        settings: dict[str, Any] = {
            "widths": list(self.widths),
            "costs": list(self.costs),
            "limits": list(self.limits),
        }
        if self.conformal is not None:
            held, settings["conformal"] = self.conformal.state()
            arrays["conformal_scores"] = held["scores"]
        return arrays, settings

    @classmethod
    def from_state(cls, tensors: dict[str, np.ndarray], settings: dict[str, Any]) -> Growth:
        """Return the growth whose `state()` this was."""
        conformal = None
        if "conformal" in settings:
            conformal = Conformal.from_state({"scores": tensors["conformal_scores"]}, settings["conformal"])
        found = cls(
            mean=tensors["mean"],
            coef=tensors["coef"],
            intercept=tensors["intercept"],
            directions=tensors["directions"],
            widths=tuple(int(width) for width in settings["widths"]),
            costs=tuple(float(cost) for cost in settings["costs"]),
            limits=tuple(None if limit is None else float(limit) for limit in settings["limits"]),
            conformal=conformal,
        )
        d = sum(found.widths)
        shapes = (found.mean.shape, found.coef.shape[1:], found.directions.shape[1:], found.intercept.shape)
        sound = shapes == ((d,), (d,), (d,), found.coef.shape[:1])
        if not sound or not found.costs or len(found.limits) != len(found.costs) or found.base < 1:
            raise ValueError(f"learnt classes of the shapes {shapes} for {len(found.costs)} classes")
        return found


def divided(scores: npt.NDArray[np.floating], p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return probabilities (n, b + a): what the discriminants leave to the head's classes is divided by the head."""
    base = p.shape[1]
    shares = softmax(scores)
    return np.concatenate([shares[:, :base].sum(axis=1, keepdims=True) * p, shares[:, base:]], axis=1)


def widened(familiarity: OutOfDistribution, directions: npt.NDArray[np.float16]) -> OutOfDistribution:
    return replace(familiarity, directions=np.concatenate([familiarity.directions, directions]))


def in_doubt(probabilities: npt.NDArray[np.float64], base: int) -> npt.NDArray[np.float64]:
    """Return the probabilities (n, b + a) that tell how much in doubt a classifier is.

    An image that belongs to the head's classes is judged by the head alone, as before anything was learnt beside it.
    """
    of_head = probabilities.argmax(axis=1) < base
    judged = probabilities.copy()
    judged[of_head, base:] = 0
    return judged / judged.sum(axis=1, keepdims=True)
