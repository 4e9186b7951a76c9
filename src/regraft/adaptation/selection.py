"""Which method to keep: chosen without the target's labels, and none where the scores do not speak for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation import SOURCE_ONLY
from regraft.adaptation.deep_embedded_validation import deep_embedded
from regraft.adaptation.importance_weighted_validation import importance_weighted

Proba = npt.NDArray[np.float64]

LEAST = 1e-6
"""Probability below which a mistake counts no more."""


@dataclass(frozen=True)
class Scores:
    """What is known of a method without the labels that it is measured on.

    Parameters
    ----------
    circular : float or None
        Accuracy on the source of the same method, learnt on the target as it was named; None where it cannot be.
    importance_weighted : float
        Accuracy on held-out source examples, weighted to be like the target's.
    deep_embedded : float
        Log loss on the same, with a control variate; lower is better.
    information : float
        Of the names about the target's examples, in nats: high where each is named surely and all classes are named.
    known : float or None
        Accuracy on those target labels that may be learnt from, each left out; None where there are none.
    agreement : float or None
        Share of the target that is named as all methods together name it; None before all have been tried.

    References
    ----------
    Bruzzone & Marconcini, Domain Adaptation Problems: A DASVM Classification Technique and a Circular Validation
    Strategy, 2010; Sugiyama, Krauledat & Müller, Covariate Shift Adaptation by Importance Weighted Cross Validation,
    2007; You et al., Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation, 2019; Shi & Sha,
    Information-Theoretical Learning of Discriminative Clusters for Unsupervised Domain Adaptation, 2012.
    """

    circular: float | None
    importance_weighted: float
    deep_embedded: float
    information: float
    known: float | None
    agreement: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return dict(vars(self))


def scores_of(
    said: Proba,
    source_probabilities: Proba,
    y: npt.NDArray[np.intp],
    weights: npt.NDArray[np.float64],
    back: Proba | None,
    back_y: npt.NDArray[np.intp],
    known_probabilities: Proba,
    known_y: npt.NDArray[np.intp],
) -> Scores:
    """Return the scores of one method.

    Parameters
    ----------
    said : array of shape (m, k)
        Of the target.
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
    return Scores(
        circular=None if back is None else float(_judged(back, back_y)[0].mean()),
        importance_weighted=importance_weighted(right, weights),
        deep_embedded=deep_embedded(losses, weights),
        information=float(_entropy(said.mean(axis=0, keepdims=True))[0] - _entropy(said).mean()),
        known=float(_judged(known_probabilities, known_y)[0].mean()) if len(known_y) else None,
    )


def with_agreement(scores: Mapping[str, Scores], said: Mapping[str, Proba]) -> dict[str, Scores]:
    """Return the scores with each method's agreement with the mean of all methods' probabilities (m, k)."""
    together = np.mean(list(said.values()), axis=0).argmax(axis=1)
    return {
        name: replace(own, agreement=float(np.mean(said[name].argmax(axis=1) == together)))
        for name, own in scores.items()
    }


def _entropy(proba: Proba) -> npt.NDArray[np.float64]:
    """Return the entropy of each row, in nats."""
    return -np.sum(proba * np.log(np.maximum(proba, np.finfo(np.float64).tiny)), axis=1)


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
