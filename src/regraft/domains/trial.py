"""One method tried: what it says of the target, and what can be known of that without the target's labels."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation import METHODS
from regraft.domains.principal import Axes

if TYPE_CHECKING:
    from regraft.adaptation.base import Adaptation
    from regraft.adaptation.selection import Scores
    from regraft.backbones.registry import Backbone

FOLDS = 3
"""In which the source, and the target's known labels, are left out."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Two domains by their features.

    Parameters
    ----------
    X : float32 array of shape (n, d)
        The source.
    y : int array of shape (n,)
        Class indices, 0 to k - 1, each of which is there.
    k : int
    target : float32 array of shape (m, d)
    known_rows, known_y : int arrays of shape (q,)
        Rows of the target whose labels may be learnt from, and their classes.
    domains : int array of shape (n,)
        Which source each example is from.
    power : float
        What all features were raised to.
    C : float
        Inverse strength of every classifier's penalty: the source's own choice, as the power is.
    weights : float array of shape (n,)
        The target's density over the source's.
    seed : int
    axes : Axes
        Along which methods are tried that do not care how features are turned.
    """

    X: npt.NDArray[np.float32]
    y: npt.NDArray[np.intp]
    k: int
    target: npt.NDArray[np.float32]
    known_rows: npt.NDArray[np.intp]
    known_y: npt.NDArray[np.intp]
    domains: npt.NDArray[np.intp]
    power: float
    C: float
    weights: npt.NDArray[np.float64]
    seed: int
    axes: Axes

    @property
    def known(self) -> tuple[np.ndarray, np.ndarray] | None:
        """What `Adaptation.fit` takes."""
        return (self.known_rows, self.known_y) if len(self.known_rows) else None


@dataclass(frozen=True, eq=False)
class Trial:
    """A method, fitted, as a classifier's parts; what it says, and what is known of that.

    Parameters
    ----------
    name : str
        In `NAMES`.
    backbones : tuple of Backbone
    precisions : tuple of str
    widths : tuple of int
    head : str
        Name in `SCORERS`.
    tensors, settings : dict
        The head's state.
    probabilities : float array of shape (m, k)
        Of the target.
    source_rows : int array of shape (h,)
        Source examples that were held out.
    source_probabilities : float array of shape (h, k)
        Of these.
    scores : Scores
    seconds : float
    """

    name: str
    backbones: tuple[Backbone, ...]
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    head: str
    tensors: dict[str, np.ndarray]
    settings: dict[str, Any]
    probabilities: npt.NDArray[np.float64]
    source_rows: npt.NDArray[np.intp]
    source_probabilities: npt.NDArray[np.float64]
    scores: Scores
    seconds: float


def try_method(
    name: str,
    problem: Problem,
    backbones: tuple[Backbone, ...],
    precisions: tuple[str, ...],
    widths: tuple[int, ...],
    *,
    called: str | None = None,
) -> Trial:
    """Fit a method on features, and find out what can be known of it without labels that it is measured on.

    Parameters
    ----------
    name : str
        In `METHODS`.
    problem : Problem
    backbones, precisions, widths : tuples
        Of the target's features.
    called : str, optional
        Its name for people, where the features make another method of it.
    """
    from regraft.adaptation.circular_validation import circular
    from regraft.adaptation.selection import scores_of

    begun = time.perf_counter()
    entry = METHODS[name]

    def build() -> Adaptation:
        return entry.build(C=problem.C, seed=problem.seed)

    given, axes = problem, problem.axes
    if entry.turns:
        problem = replace(given, X=axes(given.X), target=axes(given.target))
    method = build().fit(problem.X, problem.y, problem.target, known=problem.known, domains=problem.domains)
    head, tensors, settings = method.state()
    if entry.turns:
        tensors = axes.fold(tensors)
        settings = {**settings, "n_features": given.X.shape[1]}
    said = method.predict_proba(problem.target)
    back = None
    if not entry.labels:
        back = circular(build(), problem.X, problem.target, said.argmax(axis=1), problem.k)
    held_out = _left_out(build, problem)
    scores = scores_of(
        said, held_out, problem.y, problem.weights, back, problem.y, _known_left_out(build, problem), problem.known_y
    )
    if head == "mlp":
        head = "powered_mlp"
    return Trial(
        name=called or name,
        backbones=backbones,
        precisions=precisions,
        widths=widths,
        head=head,
        tensors=tensors,
        # The features as they come are raised to the power first, as those were that it learnt from.
        settings={**settings, "power": problem.power},
        probabilities=said,
        source_rows=np.arange(len(problem.X)),
        source_probabilities=held_out,
        scores=scores,
        seconds=time.perf_counter() - begun,
    )


def _left_out(build: Callable[[], Adaptation], problem: Problem) -> npt.NDArray[np.float64]:
    """Return what the method says of each source example when it has not learnt from it."""
    from regraft.heads.folds import train_test_pairs

    found = np.full((len(problem.X), problem.k), 1 / problem.k)
    for train, test in train_test_pairs(problem.y, FOLDS, seed=problem.seed):
        if len(np.unique(problem.y[train])) < 2:  # the only example of the other class is held out
            continue
        part = build().fit(
            problem.X[train],
            problem.y[train],
            problem.target,
            known=_of_classes(problem, problem.y[train]),
            domains=problem.domains[train],
        )
        for place, domain in enumerate(np.unique(problem.domains[train])):
            own = test[problem.domains[test] == domain]
            if len(own):
                # What is left to a class that it has not learnt is as likely as any.
                share = len(part.classes_) / problem.k
                found[np.ix_(own, part.classes_)] = share * part.source_proba(problem.X[own], place)
    return found


def _of_classes(problem: Problem, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the target's known labels, those that are of classes in y."""
    kept = np.isin(problem.known_y, y)
    return (problem.known_rows[kept], problem.known_y[kept]) if kept.any() else None


def _known_left_out(build: Callable[[], Adaptation], problem: Problem) -> npt.NDArray[np.float64]:
    """Return what the method says of each known target example when it was not told its label."""
    from regraft.heads.folds import train_test_pairs

    found = np.full((len(problem.known_rows), problem.k), 1 / problem.k)
    if not len(found):
        return found
    for train, test in train_test_pairs(problem.known_y, FOLDS, seed=problem.seed):
        told = (problem.known_rows[train], problem.known_y[train]) if len(train) else None
        part = build().fit(problem.X, problem.y, problem.target, known=told, domains=problem.domains)
        found[test] = part.predict_proba(problem.target[problem.known_rows[test]])
    return found
