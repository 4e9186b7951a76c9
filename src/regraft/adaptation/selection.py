"""Which method to keep: chosen without the target's labels, and none where the scores do not speak for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation import SOURCE_ONLY
from regraft.adaptation.deep_embedded_validation import deep_embedded
from regraft.adaptation.importance_weighted_validation import importance_weighted

LEAST = 1e-6
"""Probability below which a mistake counts no more."""


@dataclass(frozen=True)
class Scores:
    """What is known of a method without the labels that it is measured on.

    Parameters
    ----------
    importance_weighted : float
        Accuracy on held-out source examples, weighted to be like the target's.
    deep_embedded : float
        Log loss on the same, with a control variate; lower is better.
    circular : float or None
        Accuracy on the source of the same method, learnt on the target as it was named; None where it cannot be.
    circular_loss : float or None
        Its log loss.
    known : float or None
        Accuracy on those target labels that may be learnt from, each left out; None where there are none.
    """

    importance_weighted: float
    deep_embedded: float
    circular: float | None
    circular_loss: float | None
    known: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dict(vars(self))


def scores_of(
    source_probabilities: npt.NDArray[np.float64],
    y: npt.NDArray[np.intp],
    weights: npt.NDArray[np.float64],
    back: npt.NDArray[np.float64] | None,
    back_y: npt.NDArray[np.intp],
    known_probabilities: npt.NDArray[np.float64],
    known_y: npt.NDArray[np.intp],
) -> Scores:
    """Return the scores of one method.

    Parameters
    ----------
    source_probabilities : array of shape (h, k)
        Of held-out source examples.
    y : int array of shape (h,)
        Their classes.
    weights : array of shape (h,)
        The target's density over the source's.
    back : array of shape (n, k) or None
        Of the source, by the method learnt on the target as it was named.
    back_y : int array of shape (n,)
    known_probabilities : array of shape (q, k)
        Of the target's known examples, each left out.
    known_y : int array of shape (q,)
    """
    right, losses = _judged(source_probabilities, y)
    there_and_back = (None, None) if back is None else tuple(float(each.mean()) for each in _judged(back, back_y))
    known = float(_judged(known_probabilities, known_y)[0].mean()) if len(known_y) else None
    return Scores(
        importance_weighted(right, weights), deep_embedded(losses, weights), there_and_back[0], there_and_back[1], known
    )


def _judged(proba: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each row is right, and its log loss."""
    own = proba[np.arange(len(y)), y]
    return (proba.argmax(axis=1) == y).astype(float), -np.log(np.maximum(own, LEAST))


@dataclass(frozen=True)
class Choice:
    """The method that is kept.

    Parameters
    ----------
    name : str
    rule : str
        By what it was chosen, in words.
    sentence : str
        What was chosen, and why.
    fell_back : bool
        Whether it is source-only since the scores did not support any other.
    """

    name: str
    rule: str
    sentence: str
    fell_back: bool


def choose(scores: Mapping[str, Scores], forced: str | None = None) -> Choice:
    """Return the method to keep (provisional)."""
    if forced is not None:
        return Choice(forced, "asked for", f"{forced} was asked for.", False)
    best = max(scores, key=lambda name: scores[name].circular or 0)
    return Choice(best, "circular", f"{best} by circular validation.", best == SOURCE_ONLY)
