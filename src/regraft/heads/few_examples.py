"""Which head suits a few examples a class, and which views of them help: chosen by leaving each example out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.heads import build_head
from regraft.heads.selection import Selection, select_head, within_error

LOGISTIC_UP_TO = 100
"""Examples up to which each can be left out of a logistic regression in a second; beyond, prototypes are its equal."""

SOURCE = "source"
"""The head that begins with the source task's own scores of classes that it had."""

KNOWS = 0.5
"""Share of the examples that those scores must name rightly where nothing can be held out.

With one image of each of 60 breeds of dogs they named 0.95, and the head on top 0.943 of all others; prototypes 0.641.
"""

FOLDS = 5

UNJUDGED = ("framing",)
"""Views to learn from where nothing can be held out: nothing would tell whether left and right matter."""


@dataclass(frozen=True, eq=False)
class FewSelection:
    """A head for a few examples.

    Parameters
    ----------
    selection : Selection
        Its held-out probabilities are of plain views, each by a head that had no view of that example. Where no class
        has two examples there are none, and nothing was compared.
    views : tuple of str
        The views it learnt from, beside the plain one.
    """

    selection: Selection
    views: tuple[str, ...]


def select_for_few(
    X: npt.NDArray[np.float32],
    y: npt.NDArray[np.intp],
    views: Mapping[str, npt.NDArray[np.float32]],
    heads: Mapping[str, Mapping[str, Any]],
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> FewSelection:
    """Return the best head, fitted on all examples and their views; judged by leaving each example out, views and all.

    Parameters
    ----------
    X : array of shape (n, d)
        Features.
    y : int array of shape (n,)
        Class indices.
    views : mapping of str to arrays of shape (n, d)
        Features of other views of the same examples.
    heads : mapping of str to settings
        The heads to compare.
    seed : int
    groups : array of shape (n,), optional
        Examples of one group are left out together.

    Raises
    ------
    UsageError
        For no head, or an unknown one.
    DataError
        If there is one class only.
    """
    part = np.arange(len(y)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    alone = np.array([(part[y == label] == own).all() for label, own in zip(y, part, strict=True)])
    names = [name for name in heads if name != "logistic" or len(heads) == 1 or len(y) <= LOGISTIC_UP_TO]
    own = {name: dict(heads[name]) for name in names if name != SOURCE}
    prior = dict(heads[SOURCE]) if SOURCE in heads else None
    if alone.all():
        if prior is not None and _source_knows(X, y, prior):
            return FewSelection(_unjudged(X, y, part, {}, SOURCE, prior), ())
        used = tuple(name for name in UNJUDGED if name in views)
        name = next(iter(own))
        return FewSelection(_unjudged(X, y, part, {name: views[name] for name in used}, name, own[name]), used)
    used = _helpful(X, y, part, views, ~alone)
    stacked, labels, parts = _stacked(X, y, part, {name: views[name] for name in used})
    selection = select_head(stacked, labels, own, _leave_one_out(parts, part, ~alone), seed, groups=parts)
    if prior is not None:
        # Anew for each example would take minutes; in folds it is judged on the same examples, and no more kindly.
        rival = select_head(X, y, {SOURCE: prior}, FOLDS, seed, groups=groups)
        if _better(rival, selection, y):
            return FewSelection(replace(rival, candidates=(*selection.candidates, *rival.candidates)), ())
        selection = replace(selection, candidates=(*selection.candidates, *rival.candidates))
    return FewSelection(selection, used)


def _source_knows(X: np.ndarray, y: np.ndarray, prior: Mapping[str, Any]) -> bool:
    """Return whether the source's own scores name most of the examples rightly: it has not learnt from them."""
    said = X @ np.asarray(prior["coef"]).T + np.asarray(prior["intercept"])
    return bool((said.argmax(axis=1) == y).mean() > KNOWS)


def _better(rival: Selection, chosen: Selection, y: np.ndarray) -> bool:
    """Return whether a rival is more accurate on left-out examples, or as accurate and surer, beyond chance."""
    both, of_rival, of_chosen = np.intersect1d(rival.held_out_index, chosen.held_out_index, return_indices=True)
    said = rival.held_out_proba[of_rival], chosen.held_out_proba[of_chosen]
    right = [(proba.argmax(axis=1) == y[both]).astype(float) for proba in said]
    loss = [-np.log(np.maximum(proba[np.arange(len(both)), y[both]], 1e-12)) for proba in said]
    gain = right[0] - right[1]
    if not within_error(gain):
        return True
    return within_error(-gain) and not within_error(loss[1] - loss[0])


def _helpful(
    X: np.ndarray, y: np.ndarray, part: np.ndarray, views: Mapping[str, np.ndarray], tested: np.ndarray
) -> tuple[str, ...]:
    """Return the views to learn from: all of them, unless fewer do better beyond chance."""
    losses = {}
    tries = [tuple(views)] + [tuple(v for v in views if v != left) for left in views] + ([()] if len(views) > 1 else [])
    for used in tries:
        stacked, labels, parts = _stacked(X, y, part, {name: views[name] for name in used})
        head = build_head("prototype").fit(stacked, labels, parts)
        proba = head.out_of_fold(stacked, labels, _leave_one_out(parts, part, tested), parts)
        losses[used] = -np.log(np.maximum(proba[np.arange(len(proba)), y[tested]], 1e-12))
    best = min(tries, key=lambda used: losses[used].mean())
    return tries[0] if within_error(losses[tries[0]] - losses[best]) else best


def _stacked(
    X: np.ndarray, y: np.ndarray, part: np.ndarray, views: Mapping[str, np.ndarray]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return features, labels and what is left out together, of the plain views and the others, one below the other."""
    count = 1 + len(views)
    return np.concatenate([X, *views.values()]), np.tile(y, count), np.tile(part, count)


def _leave_one_out(parts: np.ndarray, part: np.ndarray, tested: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each tested example the rows of all that is not left out with it, and the row of its plain view."""
    return [(np.flatnonzero(parts != part[i]), np.array([i])) for i in np.flatnonzero(tested)]


def _unjudged(
    X: np.ndarray,
    y: np.ndarray,
    part: np.ndarray,
    views: Mapping[str, np.ndarray],
    name: str,
    settings: dict[str, Any],
) -> Selection:
    """Return a head, fitted: with one example of each class none can be left out."""
    stacked, labels, parts = _stacked(X, y, part, views)
    head = build_head(name, **settings).fit(stacked, labels, parts)
    return Selection(head, name, (), np.empty((0, len(head.classes_))), np.empty(0, np.intp))
