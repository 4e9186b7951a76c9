"""Which head suits the data: compared on examples that it has not seen, never on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError, UsageError
from regraft.heads import HEADS, build_head, head_class
from regraft.heads.base import Head
from regraft.heads.folds import Folds, stratified_rows, train_test_pairs

COMPARED_ON = 4000
"""Heads are compared on this many examples at most; the chosen one is fitted on all."""

LEAST = 1e-12
"""Probability below which a mistake counts no more."""


@dataclass(frozen=True)
class Candidate:
    """How one head did on held-out examples.

    Parameters
    ----------
    name : str
        The head's name in `HEADS`.
    accuracy : float
        Share of the held-out examples that it classified correctly.
    accuracy_se : float
        Standard error of that share.
    log_loss : float
        Mean of -log(probability of the true class), in nats.
    settings : dict
        What the head chose for itself on all training examples.
    """

    name: str
    accuracy: float
    accuracy_se: float
    log_loss: float
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Selection:
    """The chosen head, and what it was chosen from.

    Parameters
    ----------
    head : Head
        The chosen head, fitted on all training examples.
    name : str
        Its name in `HEADS`.
    candidates : tuple of Candidate
        All heads that were compared, in the order of `HEADS`.
    held_out_proba : array of shape (m, k)
        Probabilities the chosen head's method gave to examples it had not seen.
    held_out_index : int array of shape (m,)
        Whose they are: rows of X, or of X_val where there is a validation set.
    """

    head: Head
    name: str
    candidates: tuple[Candidate, ...]
    held_out_proba: npt.NDArray[np.float64]
    held_out_index: npt.NDArray[np.intp]


def select_head(
    X: npt.NDArray[np.float32],
    y: npt.ArrayLike,
    heads: Sequence[str] | Mapping[str, Mapping[str, Any]] = tuple(HEADS),
    folds: Folds = 5,
    seed: int = 0,
    *,
    groups: npt.ArrayLike | None = None,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> Selection:
    """Compare heads on held-out examples and return the best, fitted on all of X.

    The most accurate head wins. Heads whose accuracy is within one standard error (of the paired
    difference) of it are its equals; of those the least log loss wins, and where that too is within one
    standard error, the simplest.

    Parameters
    ----------
    X : array of shape (n, d)
        Features of the training examples.
    y : array of shape (n,)
        Their labels.
    heads : sequence of str, or mapping of str to settings
        Names of the heads to compare, with settings where they are not the heads' own defaults.
    folds : int or sequence of (train, test) pairs
        Folds of X on which they are compared.
    seed : int
        Deals the examples into folds, and is passed to the heads that take one.
    groups : array of shape (n,), optional
        Examples of one group are held out together.
    validation : (X_val, y_val), optional
        Features and labels to compare on instead; the folds are not used then.

    Returns
    -------
    Selection

    Raises
    ------
    UsageError
        For no head, or an unknown one.
    DataError
        If X has one class only, no example can be held out, or y_val has a class that y has not.
    """
    if not heads:
        raise UsageError(f"name at least one head of {', '.join(HEADS)}")
    settings = {name: dict(heads[name]) if isinstance(heads, Mapping) else {} for name in heads}
    for name in settings:
        head_class(name)
    names = [name for name in HEADS if name in heads]
    X, groups = np.asarray(X), None if groups is None else np.asarray(groups)
    classes, truth = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"a classifier needs 2 classes or more, but every training example is '{classes[0]}'")
    rows = stratified_rows(truth, COMPARED_ON, seed) if validation is None else np.arange(len(truth))
    part, of_part = (X, truth) if len(rows) == len(X) else (X[rows], truth[rows])
    groups_of_part = None if groups is None else groups[rows]
    if validation is None:
        pairs = train_test_pairs(of_part, _restricted(folds, rows, len(X)), groups_of_part, seed)
        if not pairs:
            raise DataError("no example can be held out to compare heads: add images until one class has 2 or more")
        tested = np.concatenate([test for _, test in pairs])
        target, index = of_part[tested], rows[tested]
    else:
        target = _indices(np.asarray(validation[1]), classes)
        index = np.arange(len(target))
    fitted, proba = {}, {}
    for name in names:
        fitted[name] = _build(name, settings[name], seed).fit(part, of_part, groups_of_part)
        if validation is None:
            proba[name] = fitted[name].out_of_fold(part, of_part, pairs, groups_of_part)
        else:
            proba[name] = fitted[name].predict_proba(validation[0])
    best = _best(names, fitted, proba, target, index)
    if len(part) < len(X):
        fitted.clear()
        head = _build(best.name, settings[best.name], seed).fit(X, truth, groups)
        best = replace(best, head=head)
    best.head.classes_ = classes
    return best


def _restricted(folds: Folds, rows: np.ndarray, n: int) -> Folds:
    """Return folds of n examples as folds of some of their rows."""
    if isinstance(folds, int) or len(rows) == n:
        return folds
    place = np.full(n, -1)
    place[rows] = np.arange(len(rows))
    kept = [(place[np.asarray(train)], place[np.asarray(test)]) for train, test in folds]
    kept = [(train[train >= 0], test[test >= 0]) for train, test in kept]
    return [(train, test) for train, test in kept if len(train) and len(test)]


def _build(name: str, settings: dict[str, Any], seed: int) -> Head:
    head = build_head(name, **settings)
    if "seed" in head.get_params():
        head.set_params(seed=seed)
    return head


def _best(
    names: list[str], fitted: dict[str, Head], proba: dict[str, np.ndarray], y: np.ndarray, index: np.ndarray
) -> Selection:
    right, loss = _right_and_loss({name: proba[name] for name in names}, y, LEAST)
    candidates = tuple(
        Candidate(
            name=name,
            accuracy=float(right[name].mean()),
            accuracy_se=_standard_error(right[name]),
            log_loss=float(loss[name].mean()),
            settings=fitted[name].state()[1],
        )
        for name in names
    )
    best = _preferred(right, loss)
    return Selection(fitted[best], best, candidates, proba[best], index)


def best_of(proba: Mapping[str, np.ndarray], y: np.ndarray, least: float = LEAST) -> str:
    """Return the name of the best held-out probabilities (m, k), by the rule of `select_head`; the simplest come first.

    Parameters
    ----------
    proba : mapping of str to arrays of shape (m, k)
    y : int array of shape (m,)
        Class indices.
    least : float
        Probability below which a mistake counts no more.
    """
    return _preferred(*_right_and_loss(proba, y, least))


def _right_and_loss(
    proba: Mapping[str, np.ndarray], y: np.ndarray, least: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return of each example (m,) whether it is named rightly, and its log loss."""
    rows = np.arange(len(y))
    right = {name: (p.argmax(axis=1) == y).astype(float) for name, p in proba.items()}
    return right, {name: -np.log(np.maximum(p[rows, y], least)) for name, p in proba.items()}


def _preferred(right: Mapping[str, np.ndarray], loss: Mapping[str, np.ndarray]) -> str:
    most_accurate = max(right, key=lambda name: right[name].mean())
    equals = [name for name in right if within_error(right[most_accurate] - right[name])]
    surest = min(equals, key=lambda name: loss[name].mean())
    return next(name for name in equals if within_error(loss[name] - loss[surest]))


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")


def within_error(difference: np.ndarray) -> bool:
    """Return whether the mean of paired differences (m,), 0 or more, is within its standard error of 0."""
    # One example in which two heads differ is one standard error exactly, and must not hang on rounding.
    return float(difference.mean()) <= _standard_error(difference) * (1 + 1e-9)


def _indices(labels: np.ndarray, classes: np.ndarray) -> npt.NDArray[np.intp]:
    strangers = labels[~np.isin(labels, classes)]
    if len(strangers):
        raise DataError(f"the validation set has the class '{strangers[0]}', of which there is no training example")
    return np.searchsorted(classes, labels)
