"""Which method to keep: chosen without the target's labels, and none where the scores do not speak for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation import RULES, SOURCE_ONLY
from regraft.adaptation.deep_embedded_validation import deep_embedded
from regraft.adaptation.importance_weighted_validation import importance_weighted
from regraft.adaptation.shift import Shift

PROPORTIONS = ("label-shift",)
"""Methods for the same classes in other proportions."""

HALF = 0.5
"""A method that names fewer of the target as all methods together do is not supported by the others."""

CLEARLY = 4.0
"""Standard errors by which a method must name the source worse than another, there and back, to be none to choose.

Without this, what was kept cost 6 to 22 points between parts of two kinds of solar cells, where its other views
outweighed that; with it up to 1, and as much as before was gained elsewhere.
"""

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
        Of the names about the target's examples, as a share of the most that so many classes can carry: high where
        each is named surely and all classes are named.
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

    @property
    def mixture(self) -> float:
        """The mean of four views from 0 to 1: there and back, agreement, information, the weighted source.

        The last is itself the mean of two: accuracy, and the geometric mean of the truth's probability (the exponential
        of minus the deep embedded risk). A view that is missing counts nothing.
        """
        source = (self.importance_weighted + float(np.exp(-max(self.deep_embedded, 0.0)))) / 2
        return ((self.circular or 0.0) + (self.agreement or 0.0) + self.information + source) / 4

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self), "mixture": self.mixture}


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
        information=_information(said),
        known=float(_judged(known_probabilities, known_y)[0].mean()) if len(known_y) else None,
    )


def with_agreement(scores: Mapping[str, Scores], said: Mapping[str, Proba]) -> dict[str, Scores]:
    """Return the scores with each method's agreement with the mean of all methods' probabilities (m, k).

    Methods for other proportions are not asked: where classes have moved they are wrong together.
    """
    together = np.mean([own for name, own in said.items() if name not in PROPORTIONS], axis=0).argmax(axis=1)
    return {
        name: replace(own, agreement=float(np.mean(said[name].argmax(axis=1) == together)))
        for name, own in scores.items()
    }


def _information(said: Proba) -> float:
    """Return the mutual information of examples and names, as a share of the logarithm of the number of classes."""
    nats = _entropy(said.mean(axis=0, keepdims=True))[0] - _entropy(said).mean()
    return float(nats / np.log(said.shape[1]))


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


def choose(
    scores: Mapping[str, Scores],
    shift: Shift,
    n: int,
    *,
    different: bool = True,
    rule: str = "mixture",
    forced: str | None = None,
) -> Choice:
    """Return the method to keep, without the target's labels.

    Where the domains differ by no more than chance explains there is nothing to adapt to. Where the target looks like
    the source's classes in other proportions, what makes the domains alike would carry examples from class to class:
    what corrects for proportions is kept then, or source-only if classes seem to have moved as well; else that
    correction is no candidate. Where some of the target's labels may be
    learnt from, accuracy on these, each left out, chooses, and the rule among equals. A method that most others
    contradict is none to choose either; nor is one, by the mixture, that names the source clearly worse there and back
    than another: its other views would have to outweigh that, and where they did they were wrong.

    Parameters
    ----------
    scores : mapping of str to Scores
        Source-only first.
    shift : Shift
    n : int
        Examples of the source.
    different : bool
        Whether the domains differ by more than chance explains.
    rule : str
        One of `RULES`.
    forced : str, optional
        The method that was asked for.

    References
    ----------
    Zhao et al., On Learning Invariant Representations for Domain Adaptation, 2019 (why other proportions forbid it).
    """
    told = scores[SOURCE_ONLY].known is not None
    by = "accuracy on the target's known labels, each left out; among equals, " if told else ""
    words = f"Chosen by {by}{RULES[rule]}; never by the labels that measure."
    if forced is not None:
        return Choice(forced, "Nothing was chosen: one method was asked for.", _forced(forced, scores, shift), False)
    if not different and not told:
        same = "Source and target do not differ by more than chance explains: source-only is kept."
        return Choice(SOURCE_ONLY, words, same, True)
    mixed = shift.is_mixed and not told
    able = {
        name: own
        for name, own in scores.items()
        if name == SOURCE_ONLY or told or (name in PROPORTIONS if mixed else _supported(name, own))
    }
    if mixed:
        return _of_mixed(able, shift, words)
    if rule == "mixture" and not told:
        able = {name: own for name, own in able.items() if name == SOURCE_ONLY or not _clearly_worse(own, able, n)}
    points = _points(able, rule)
    if told:
        points = {name: (own.known or 0.0) + 1e-3 * _unit(points)[name] for name, own in able.items()}
    best = max(able, key=lambda name: points[name])
    if points[best] <= points[SOURCE_ONLY]:
        best = SOURCE_ONLY
    every = _points(scores, rule)
    passed = [name for name in scores if name not in (*able, *PROPORTIONS) and every[name] > every[best]]
    beside = f" Not considered, since other views speak clearly against it: {', '.join(passed)}." if passed else ""
    if best == SOURCE_ONLY:
        return Choice(best, words, f"Source-only is kept: no method scores better than it.{beside}", True)
    where = "on the target's known labels, each left out" if told else "without the target's labels"
    all_of = f"{len(able)} methods" if len(able) == len(scores) else f"the {len(able)} methods that come into question"
    return Choice(best, words, f"{best} is kept: of {all_of} it scores best {where}.{beside}", False)


def _supported(name: str, own: Scores) -> bool:
    """Return whether a method that makes the domains alike is not contradicted by most others."""
    return name not in PROPORTIONS and (own.agreement is None or own.agreement >= HALF)


def _clearly_worse(own: Scores, able: Mapping[str, Scores], n: int) -> bool:
    """Return whether the way there and back over n examples of the source speaks against a method."""
    best = max((each.circular for each in able.values() if each.circular is not None), default=None)
    if own.circular is None or best is None:
        return False
    errors = sum(rate * (1 - rate) for rate in (own.circular, best)) / n
    return best - own.circular > CLEARLY * float(np.sqrt(errors))


def _points(scores: Mapping[str, Scores], rule: str) -> dict[str, float]:
    """Return what a rule gives each method; more is better."""
    if rule == "importance-weighted":
        return {name: own.importance_weighted for name, own in scores.items()}
    if rule == "deep-embedded":
        return {name: -own.deep_embedded for name, own in scores.items()}
    if rule == "circular":
        return {name: -1.0 if own.circular is None else own.circular for name, own in scores.items()}
    return {name: own.mixture for name, own in scores.items()}


def _unit(points: Mapping[str, float]) -> dict[str, float]:
    """Return points from 0 to 1."""
    low, high = min(points.values()), max(points.values())
    return {name: (value - low) / (high - low) if high > low else 0.0 for name, value in points.items()}


def _of_mixed(able: Mapping[str, Scores], shift: Shift, words: str) -> Choice:
    """Return the choice where the proportions of the classes seem to differ, alone or beside what has moved."""
    why = f"The target looks like the source's classes in other proportions (by {shift.apart:.0%})"
    unfit = "so that no method which makes the domains alike was considered"
    if not shift.is_explained:
        both = "and has moved as well: nothing that is tried here is made for both, and source-only is kept."
        return Choice(SOURCE_ONLY, words, f"{why}, {both}", True)
    corrected = next((name for name in PROPORTIONS if name in able), None)
    if corrected is not None:
        return Choice(corrected, words, f"{why}, {unfit}: {corrected} is kept, which corrects for them.", False)
    return Choice(SOURCE_ONLY, words, f"{why}, {unfit}: source-only is kept.", True)


def _forced(name: str, scores: Mapping[str, Scores], shift: Shift) -> str:
    """Return what there is to say of a method that was asked for."""
    said = f"{name} was asked for, and is kept."
    if shift.is_mixed and scores[name].known is None and name not in (SOURCE_ONLY, *PROPORTIONS):
        return (
            f"{said} Beware: the target looks like the source's classes in other proportions, where methods that make "
            "the domains alike do harm."
        )
    own, plain = scores[name].circular, scores[SOURCE_ONLY].circular
    if own is not None and plain is not None and own < plain:
        return f"{said} Beware: there and back it names {own:.3f} of the source rightly, and source-only {plain:.3f}."
    return said
