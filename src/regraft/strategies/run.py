"""Run a strategy: try what it says, choose on validation images, and only then look at the test images."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from regraft.data.splits import folds
from regraft.errors import RegraftError
from regraft.features.extraction import Features, extract
from regraft.heads.scoring import SCORERS
from regraft.protocol import FOLDS
from regraft.strategies.attempts import Attempts
from regraft.strategies.job import Job
from regraft.strategies.joining import joinable
from regraft.strategies.network import Fitted
from regraft.strategies.outcome import Outcome


def run(job: Job, strategy: str) -> Outcome:
    """Try what a strategy says, keep the best by validation images, and predict the test images with it.

    Parameters
    ----------
    job : Job
    strategy : {"finetune", "scratch", "auto"}

    Raises
    ------
    RegraftError
        If nothing came of it: the network could not be trained, and there is no probe to fall back on.
    SystemExit
        When the training is over, in all processes but the first where several train together.
    """
    begun = time.monotonic()
    if job.protocol == "cross-validation":
        return _cross_validate(job, strategy, begun)
    attempts = _try(job, strategy, job.dataset.part("train"), job.dataset.part("val"))
    job.processes.part()
    test = job.dataset.part("test")
    chosen = attempts.best
    found = _predict(job, chosen, test)
    own = attempts.val if job.own_validation else None
    return _outcome(attempts, found, test, found_on=own, begun=begun)


def _cross_validate(job: Job, strategy: str, begun: float) -> Outcome:
    """Predict each image by a classifier that was tried, chosen and fitted without it; then do it all on all."""
    probabilities = np.zeros((len(job.dataset), len(job.classes)))
    predicted = np.zeros(len(job.dataset), bool)
    pairs = folds(job.y, job.dataset.groups, FOLDS, job.seed)
    for number, (train, test) in enumerate(pairs):
        # Each round may take its share of the time; the last one is the classifier that is kept.
        share = None if job.deadline is None else time.monotonic() + job.left / (len(pairs) + 1 - number)
        part = replace(job, deadline=share, announce=None, report=None, notes=[])
        fold = _try(part, strategy, train, np.arange(0), f", fold {number + 1}")
        if job.processes.first:
            probabilities[test] = _scores(fold.best, _predict(part, fold.best, test))
        predicted[test] = True
    attempts = _try(job, strategy, np.arange(len(job.dataset)), np.arange(0))
    job.processes.part()
    test = np.flatnonzero(predicted)
    found = _predict(job, attempts.best, test[:1])
    outcome = _outcome(attempts, found, test[:1], found_on=None, begun=begun)
    return replace(outcome, test_index=test, test_probabilities=probabilities[test], test_features=None)


def _try(job: Job, strategy: str, train: np.ndarray, val: np.ndarray, label: str = "") -> Attempts:
    """Make the attempts of a strategy; without validation images some of the training images become them."""
    if not len(val):
        groups = None if job.dataset.groups is None else job.dataset.groups[train]
        learn, choose = folds(job.y[train], groups, FOLDS, job.seed)[0]
        train, val = train[learn], train[choose]
    attempts = Attempts(job, train, val, label)
    if strategy == "scratch":
        for backbone in job.backbones:
            attempts.network(backbone, job.training)
        if not any(fitted.probabilities is not None for fitted in attempts.tried):
            why = attempts.tried[0].attempt.note
            raise RegraftError(
                f"Training from scratch must come to the end of an epoch, but it did not ({why}); "
                "raise --budget, or lower --learning-rate."
            )
        return attempts
    probe = attempts.probe()
    if strategy == "finetune":
        _finetune(attempts, probe)
    else:
        _auto(attempts)
    return attempts


def _finetune(attempts: Attempts, probe: Fitted) -> None:
    """Train each backbone; what was asked for is kept unless nothing came of it."""
    job = attempts.job
    tuned: list[Fitted] = []
    for backbone in job.backbones:
        if job.left <= 0:
            job.say(f"The budget leaves no time to train {backbone.name}.")
            break
        tuned.append(attempts.network(backbone, job.training))
    sound = [fitted for fitted in tuned if fitted.probabilities is not None]
    if not sound:
        job.say("Nothing came of the training, so the probe is kept.")
        return
    kept = min(sound, key=lambda fitted: (-fitted.attempt.accuracy, fitted.attempt.log_loss))
    if len(sound) > 1 and all(joinable(fitted) for fitted in sound):
        kept = attempts.join(sound)
    if attempts.is_better(probe, kept):
        job.say(
            f"On the {len(attempts.val)} validation {job.dataset.things} the probe did better "
            f"({probe.attempt.accuracy:.3f}) than "
            f"fine-tuning ({kept.attempt.accuracy:.3f}): fine-tuning is kept as asked, but does not pay here."
        )
    attempts.kept = kept


def _auto(attempts: Attempts) -> None:
    """Spend what is left of the time where the validation images say that it pays."""
    job = attempts.job
    tuned: list[Fitted] = []
    for backbone in job.backbones:
        before = attempts.best
        if not attempts.worth_trying(tuned):
            job.say(f"The budget leaves no time to train {backbone.name}.")
            return
        fitted = attempts.network(backbone, job.training)
        if fitted.probabilities is None:
            return
        tuned.append(fitted)
        if len(tuned) > 1 and all(joinable(each) for each in tuned):
            attempts.join(tuned)
        if job.processes.agree(attempts.best is before):
            things = job.dataset.things
            job.say(f"Training {backbone.name} did not pay on the validation {things}, so no more was tried.")
            return


def _predict(job: Job, fitted: Fitted, positions: np.ndarray) -> Features:
    """Return the features of some images by the classifier that is kept, through the engine that will serve it."""
    examples = [job.dataset.examples[int(i)] for i in positions]
    names = [job.dataset.names[int(i)] for i in positions]
    return extract(examples, names, fitted.backbones, engine=job.engine)


def _scores(fitted: Fitted, features: Features) -> np.ndarray:
    return SCORERS[fitted.head](features.values, fitted.tensors, fitted.settings)


def _outcome(
    attempts: Attempts, found: Features, test: np.ndarray, *, found_on: np.ndarray | None, begun: float
) -> Outcome:
    chosen = attempts.best
    assert chosen.probabilities is not None
    listed = tuple(replace(fitted.attempt, chosen=fitted is chosen) for fitted in attempts.tried)
    return Outcome(
        fitted=chosen,
        precisions=found.precisions,
        widths=found.widths,
        test_index=test[found.index],
        test_probabilities=_scores(chosen, found),
        test_features=found.values,
        val_probabilities=None if found_on is None else chosen.probabilities,
        held_out_index=attempts.val,
        held_out_probabilities=chosen.probabilities,
        attempts=listed,
        history=tuple(epoch for fitted in attempts.tried for epoch in fitted.history),
        candidates=attempts.candidates,
        seconds=time.monotonic() - begun,
    )
