"""Which methods are asked for, and all of them tried on the same two domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from regraft.adaptation import BATCH_NORM, METHODS, NAMES, RULES, SOURCE_ONLY, check_method
from regraft.data.dataset import Dataset
from regraft.data.target import Target
from regraft.domains.networks import by_batch_norm, end_to_end
from regraft.domains.principal import principal_axes
from regraft.domains.trial import Problem, Trial, try_method
from regraft.errors import UsageError
from regraft.features.engines import EngineName
from regraft.features.extraction import Features
from regraft.features.streaming import Progress
from regraft.finetuning.settings import Training

if TYPE_CHECKING:
    from regraft.adaptation.difference import DomainDifference
    from regraft.adaptation.selection import Choice
    from regraft.adaptation.shift import Shift
    from regraft.backbones.registry import Backbone

DEEP = ("dann", "deep-coral", "mcc", "tent")
"""Methods that can also train the backbone itself."""

LEAST_EFFECTIVE = 0.1
"""Share of the source that importance weights leave at least, where they judge and do not teach."""


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Parameters
    ----------
    names : tuple of str
        Methods, source-only first.
    every : bool
        Whether those that cannot be done here are left out, and not refused: of "auto" and "all".
    forced : str or None
        The method that is kept whatever the scores say.
    """

    names: tuple[str, ...]
    every: bool
    forced: str | None


def asked_for(method: str, training: Training | None, target_labels: int | None = None) -> Asked:
    """Return the methods that `--method` names.

    Raises
    ------
    UsageError
        If one is unknown or needs labels of the target that are not asked for, or a training is given that none has.
    """
    if method in ("auto", "all"):
        if training is not None and method == "auto":
            raise UsageError(
                f"What trains the backbone must go with --method {', '.join(DEEP)} or all, not auto, which trains none."
            )
        names = NAMES if method == "all" else tuple(name for name, entry in METHODS.items() if entry.auto)
        return Asked(names, True, None)
    named = [name.strip() for name in method.split(",") if name.strip()]
    if not named:
        raise UsageError(f"--method must be auto, all or some of {', '.join(NAMES)}, not {method!r}.")
    for name in named:
        check_method(name)
        if name in METHODS and METHODS[name].labels and target_labels is None:
            raise UsageError(f"--method {name} must have some labels of the target to learn from; add --target-labels.")
    if training is not None and not any(name in DEEP for name in named):
        raise UsageError(
            f"What trains the backbone must go with --method {', '.join(DEEP)} or all, not {method}; leave it out."
        )
    forced = named[0] if len(named) == 1 else None
    return Asked(tuple(dict.fromkeys([SOURCE_ONLY, *named])), False, forced)


def check_rule(rule: str) -> None:
    """Raise UsageError unless methods can be chosen by a rule."""
    if rule not in RULES:
        raise UsageError(f"--choose-by must be one of {', '.join(RULES)}, not {rule!r}.")


@dataclass(frozen=True, eq=False)
class Tried:
    """All methods on the same two domains.

    Parameters
    ----------
    trials : tuple of Trial
        Source-only first.
    problem : Problem
    source : Dataset
    target : Target
    features : (Features, Features)
        Of the source and of the target.
    known : int array of shape (q,)
    asked : Asked
    backbones : tuple of Backbone
    notes : tuple of str
    seed : int
    """

    trials: tuple[Trial, ...]
    problem: Problem
    source: Dataset
    target: Target
    features: tuple[Features, Features]
    known: np.ndarray
    asked: Asked
    backbones: tuple[Backbone, ...]
    notes: tuple[str, ...]
    seed: int

    @cached_property
    def shift(self) -> Shift:
        """Whether the target is the source's classes moved, or in other proportions."""
        from regraft.adaptation.proportions import explained_by_proportions
        from regraft.adaptation.shift import shift_of

        plain, problem = self.trials[0], self.problem
        explained = explained_by_proportions(problem.X, problem.y, problem.target, self.seed)
        return shift_of(plain.source_probabilities, problem.y[plain.source_rows], plain.probabilities, explained)

    @cached_property
    def difference(self) -> DomainDifference:
        """How different the domains are, whatever their classes."""
        from regraft.adaptation.difference import domain_difference

        return domain_difference(self.problem.X, self.problem.target, seed=self.seed)

    def choose(self, rule: str) -> tuple[Choice, Trial]:
        """Return which method is kept, by which rule and why, and that method."""
        from regraft.adaptation.selection import choose

        scores = {trial.name: trial.scores for trial in self.trials}
        different = self.difference.is_different
        choice = choose(
            scores, self.shift, len(self.problem.X), different=different, rule=rule, forced=self.asked.forced
        )
        return choice, next(trial for trial in self.trials if trial.name == choice.name)


def try_all(
    asked: Asked,
    source: Dataset,
    target: Target,
    features: tuple[Features, Features],
    backbones: tuple[Backbone, ...],
    known: np.ndarray,
    *,
    training: Training | None,
    seed: int,
    engine: EngineName,
    progress: Progress | None,
    announce: Callable[[str], None],
) -> Tried:
    """Try all methods that were asked for; those that cannot be done here are left out, with a note, or refused.

    Parameters
    ----------
    asked : Asked
    source : Dataset
        Readable.
    target : Target
        Readable.
    features : (Features, Features)
        Of both.
    backbones : tuple of Backbone
    known : int array of shape (q,)
        Positions of the target's examples whose labels may be learnt from.
    training : Training, optional
        Trains the backbone.
    seed : int
    engine : {"auto", "openvino", "torch"}
    progress, announce : callables

    Raises
    ------
    UsageError
        If a method that was named cannot be done here.
    """
    from threadpoolctl import threadpool_limits

    from regraft.adaptation.selection import with_agreement

    # These matrices are small: threads of a linear algebra library that wait for each other cost ten times the work.
    with threadpool_limits(limits=1):
        problem = pose(source, target, features, known, seed)
    names, notes = _able(asked, known, problem, backbones)
    trials: list[Trial] = []
    for name in names:
        if name == BATCH_NORM:
            trial = by_batch_norm(source, target, backbones, problem, features, engine, progress, seed)
        elif name in DEEP and training is not None:
            trial = end_to_end(
                name, source, target, features, backbones[0], known, problem, training, seed, engine, progress, announce
            )
        else:
            with threadpool_limits(limits=1):
                trial = try_method(name, problem, backbones, features[1].precisions, features[1].widths)
        trials.append(trial)
        announce(f"{name}: {trial.seconds:.1f} s")
    scores = with_agreement(
        {trial.name: trial.scores for trial in trials}, {trial.name: trial.probabilities for trial in trials}
    )
    trials = [replace(trial, scores=scores[trial.name]) for trial in trials]
    return Tried(tuple(trials), problem, source, target, features, known, asked, backbones, tuple(notes), seed)


def pose(source: Dataset, target: Target, features: tuple[Features, Features], known: np.ndarray, seed: int) -> Problem:
    """Return two domains as a problem: features raised as suits the source, and weights to make it like the target."""
    from regraft.adaptation.density_ratio import DensityRatio
    from regraft.heads.logistic import LogisticHead
    from regraft.heads.scoring import signed_power

    head = LogisticHead(seed=seed).fit(features[0].values, source.y)
    power, C = head.settings_["power"], head.settings_["C"]
    X, other = (np.ascontiguousarray(signed_power(each.values, power)) for each in features)
    axes = principal_axes(X, other, seed)
    weights = DensityRatio(least_effective=LEAST_EFFECTIVE, C=C, seed=seed).fit(axes(X), source.y, axes(other)).weights_
    domains = np.zeros(len(X), np.intp)
    if source.domain is not None:
        domains = np.unique(source.domain, return_inverse=True)[1]
    return Problem(
        X=X,
        y=source.y,
        k=len(source.class_names),
        target=other,
        known_rows=known,
        known_y=target.y[known],
        domains=domains,
        power=power,
        C=C,
        weights=weights,
        seed=seed,
        axes=axes,
    )


def _able(
    asked: Asked, known: np.ndarray, problem: Problem, backbones: Sequence[Backbone]
) -> tuple[list[str], list[str]]:
    """Return the methods that can be done here, and notes on those that can not though people might expect them.

    Raises
    ------
    UsageError
        If one that was named cannot.
    """
    names, notes = [], []
    for name in asked.names:
        reason = _cannot(name, known, problem, backbones)
        if reason and not asked.every:
            raise UsageError(f"--method {name} {reason}")
        if not reason:
            names.append(name)
        elif name not in METHODS or METHODS[name].package:
            notes.append(f"{name} is left out: it {reason}")
    return names, notes


def _cannot(name: str, known: np.ndarray, problem: Problem, backbones: Sequence[Backbone]) -> str:
    """Return why a method cannot be done here, in words that go on from its name; "" where it can."""
    if name == BATCH_NORM:
        from regraft.adaptation.batch_norm import has_batch_norm

        without = [each.name for each in backbones if not has_batch_norm(each)]
        return f"must have a network with batch normalisation, and {without[0]} has none." if without else ""
    entry = METHODS[name]
    if entry.labels and not len(known):
        return "must have some labels of the target to learn from; add --target-labels."
    if entry.sources and problem.domains.max() == 0:
        return "must have several sources; give more, or take tradaboost."
    if entry.package and find_spec(entry.package) is None:
        return 'must have the package POT, which is not installed; run `pip install "regraft[adapt]"`.'
    return ""
