"""What comes of the methods that were tried: one chosen, all measured, and what is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from regraft import __version__
from regraft.adaptation import BATCH_NORM, METHODS
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset
from regraft.data.target import UNLABELLED
from regraft.domains.adapted import Adapted, Attempted
from regraft.domains.candidates import Tried
from regraft.domains.linking import Linked, smoothed
from regraft.domains.trial import Trial
from regraft.evaluation import metrics
from regraft.evaluation.intervals import wilson
from regraft.evaluation.significance import paired_gain

MAPPED = 600
"""Examples of each domain on the map."""

BATCH_NORM_SUMMARY = "Batch normalisation's statistics re-estimated on each domain"


def conclude(
    tried: Tried,
    *,
    rule: str,
    linked: Linked | None,
    warnings: Sequence[str],
    notes: Sequence[str],
    started: float,
) -> Adapted:
    """Choose a method without the target's labels, measure all of them, and return what is kept.

    Parameters
    ----------
    tried : Tried
    rule : str
        By what to choose.
    linked : Linked, optional
        Links between related examples of either domain.
    warnings, notes : sequences of str
        What has been said already.
    started : float
        By `time.perf_counter`.
    """
    from threadpoolctl import threadpool_limits

    from regraft.adaptation.class_drift import class_drift

    source, target, problem = tried.source, tried.target, tried.problem
    with threadpool_limits(limits=1):
        choice, chosen = tried.choose(rule)
    measured = measured_rows(tried)
    attempts = tuple(_attempted(trial, tried, measured) for trial in tried.trials)
    oracle = max(attempts, key=lambda each: each.accuracy or 0.0).name if len(measured) else None
    related = None if linked is None else smoothed(tried, chosen, linked, measured)
    said = chosen.probabilities.argmax(axis=1)
    drifts = class_drift(problem.X, source.y, problem.target, said, source.class_names)
    difference = replace(tried.difference, classes=drifts)
    places, place_domains, place_classes = _map(tried, said)
    evaluations = [
        metrics.evaluate(target.y[measured], trial.probabilities[measured], source.class_names)
        if len(measured)
        else None
        for trial in (chosen, tried.trials[0])
    ]
    return Adapted(
        classifier=_classifier(chosen, source, target),
        choice=choice,
        attempts=attempts,
        evaluation=evaluations[0],
        source_only=evaluations[1],
        oracle=oracle,
        difference=difference,
        shift=tried.shift,
        places=places,
        place_domains=place_domains,
        place_classes=place_classes,
        related=related,
        probabilities=chosen.probabilities,
        source=source,
        target=target,
        known=tried.known,
        measured=measured,
        warnings=tuple(warnings),
        notes=(*notes, *tried.notes),
        skipped=source.skipped + target.skipped,
        backbone="+".join(each.name for each in tried.backbones),
        seed=tried.seed,
        seconds=time.perf_counter() - started,
    )


def measured_rows(tried: Tried) -> np.ndarray:
    """Return the target's examples that are measured on: labelled, of its test part, and not learnt from."""
    target = tried.target
    rows = np.flatnonzero(target.tested & (target.y != UNLABELLED))
    return np.setdiff1d(rows, tried.known)


def _attempted(trial: Trial, tried: Tried, measured: np.ndarray) -> Attempted:
    accuracy = gain = interval = gain_interval = None
    if len(measured):
        y = tried.target.y[measured]
        right = trial.probabilities[measured].argmax(axis=1) == y
        yardstick = tried.trials[0].probabilities[measured].argmax(axis=1) == y
        accuracy, interval = float(right.mean()), wilson(int(right.sum()), len(right))
        gain, gain_interval = paired_gain(right, yardstick)
    return Attempted(
        name=trial.name,
        summary=METHODS[trial.name].summary if trial.name != BATCH_NORM else BATCH_NORM_SUMMARY,
        scores=trial.scores,
        accuracy=accuracy,
        accuracy_ci95=interval,
        gain=gain,
        gain_ci95=gain_interval,
        seconds=trial.seconds,
        settings=trial.settings,
    )


def _map(tried: Tried, said: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Return the plane's places of some examples of both domains, whose they are, and their classes."""
    from regraft.exploration.projection import project

    rng = np.random.default_rng(tried.seed)
    problem = tried.problem
    rows = [np.sort(rng.permutation(len(each))[:MAPPED]) for each in (problem.X, problem.target)]
    points = np.concatenate([problem.X[rows[0]], problem.target[rows[1]]])
    places, _ = project(points, seed=tried.seed)
    of = tried.source.domain
    several = of is not None and len(set(of.tolist())) > 1
    domains = [str(of[i]) if several and of is not None else "source" for i in rows[0]]
    return places, (*domains, *["target"] * len(rows[1])), np.concatenate([problem.y[rows[0]], said[rows[1]]])


def _classifier(chosen: Trial, source: Dataset, target: object) -> Classifier:
    """Return the classifier of the chosen method, as it is saved."""
    return Classifier(
        classes=source.class_names,
        backbones=chosen.backbones,
        precisions=chosen.precisions,
        widths=chosen.widths,
        head=chosen.head,
        tensors=chosen.tensors,
        settings=chosen.settings,
        info={
            "data": source.name,
            "target": getattr(target, "name", "target"),
            "images": len(source),
            "modality": source.modality,
            "strategy": f"adapt, {chosen.name}",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        },
    )
