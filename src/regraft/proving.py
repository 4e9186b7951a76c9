"""What a fit adds to a classifier once it is chosen: what it carries to be trusted by, and the evidence for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from regraft import __version__
from regraft.classifier import Classifier
from regraft.control import against_raw
from regraft.data.dataset import Dataset
from regraft.data.looks import Looks
from regraft.evaluation.metrics import Evaluation
from regraft.evaluation.strange_sounds import strange_sounds
from regraft.evaluation.strange_texts import strange_texts
from regraft.evaluation.strangers import strangers
from regraft.evidence.evidence import Evidence, gather
from regraft.evidence.trust import Learnt, Trust, trust
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.heads.scoring import SCORERS
from regraft.strategies.outcome import Outcome


@dataclass(frozen=True, eq=False)
class Proven:
    """What the classifier carries, what it says of the test images, and how far to trust it.

    Parameters
    ----------
    trusted : Trust
    test_probabilities : float array of shape (m, k)
        Calibrated.
    val_probabilities : float array of shape (v, k) or None
        Calibrated, of the source's own validation images.
    evidence : Evidence
    """

    trusted: Trust
    test_probabilities: np.ndarray
    val_probabilities: np.ndarray | None
    evidence: Evidence


def prove(
    dataset: Dataset,
    outcome: Outcome,
    protocol: str,
    features: Features | None,
    looks: Looks,
    *,
    seed: int,
    engine: EngineName,
    hurried: bool,
    transfers: bool,
    few: bool = False,
) -> Proven:
    """Return what a chosen classifier carries, and the evidence for it.

    Parameters
    ----------
    dataset : Dataset
    outcome : Outcome
    protocol : {"given", "holdout", "cross-validation"}
    features : Features or None
        Of all images by the frozen backbones.
    looks : Looks
        Of the same images.
    seed : int
    engine : {"auto", "openvino", "torch"}
    hurried : bool
        Whether there is no time for another pass of the training images through a trained network.
    transfers : bool
        Whether anything learnt before went into the classifier.
    few : bool
        Whether it learnt from a few images a class.
    """
    from threadpoolctl import threadpool_limits

    frozen = features if outcome.frozen else None
    learnt = None if frozen is None and hurried else _learnt(dataset, outcome, protocol, frozen, engine)
    # These matrices are small: threads of a linear algebra library that wait for each other cost ten times the work.
    with threadpool_limits(limits=1):
        trusted = trust(
            outcome.held_out_probabilities,
            dataset.y[outcome.held_out_index],
            learnt,
            seed,
            tempered="inverse_temperature" in outcome.fitted.settings,
        )
    apply = trusted.calibration.apply
    evidence = gather(
        trusted,
        outcome.test_probabilities,
        dataset.y[outcome.test_index],
        settings=outcome.fitted.settings,
        protocol=protocol,
        features=None if protocol == "cross-validation" else outcome.test_features,
        strangers={} if trusted.familiarity is None else _strangers(dataset, outcome, engine),
        control=against_raw(dataset, looks, protocol, outcome.test_index, outcome.test_probabilities, seed, few=few)
        if transfers
        else None,
        seed=seed,
        things=dataset.things,
    )
    of_val = outcome.val_probabilities
    return Proven(trusted, apply(outcome.test_probabilities), None if of_val is None else apply(of_val), evidence)


def _learnt(dataset: Dataset, outcome: Outcome, protocol: str, frozen: Features | None, engine: EngineName) -> Learnt:
    """Return the features of what a classifier learnt from, by its own network."""
    train = np.arange(len(dataset)) if protocol == "cross-validation" else dataset.part("train")
    own = len(dataset.part("val")) > 0
    wanted = np.concatenate([train, outcome.held_out_index]) if own else train
    values = _features(dataset, wanted, outcome, frozen, engine)
    index = np.arange(len(wanted) - len(train)) if own else np.searchsorted(train, outcome.held_out_index)
    return Learnt(
        features=values[: len(train)],
        index=index,
        validation=values[len(train) :] if own else None,
        widths=outcome.widths,
        groups=None if dataset.groups is None else dataset.groups[train],
    )


def _features(
    dataset: Dataset, positions: np.ndarray, outcome: Outcome, frozen: Features | None, engine: EngineName
) -> np.ndarray:
    """Return the features of images by the classifier's own network."""
    if frozen is not None:
        return frozen.values[positions]
    found = extract(
        [dataset.examples[int(i)] for i in positions],
        [dataset.names[int(i)] for i in positions],
        outcome.fitted.backbones,
        engine=engine,
        precisions=outcome.precisions,
    )
    return found.values


def _strangers(dataset: Dataset, outcome: Outcome, engine: EngineName) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return other examples by kind: their features, and what the head says of them."""
    examples, names = _strange(dataset)
    found = extract(
        examples, names, outcome.fitted.backbones, engine=engine, precisions=outcome.precisions, skip_unreadable=True
    )
    kinds: dict[str, list[int]] = defaultdict(list)
    for row, position in enumerate(found.index.tolist()):
        kinds[names[position].split()[0]].append(row)
    fitted = outcome.fitted
    said = SCORERS[fitted.head](found.values, fitted.tensors, fitted.settings)
    return {kind: (found.values[rows], said[rows]) for kind, rows in kinds.items()}


def _strange(dataset: Dataset) -> tuple[Sequence[Any], list[str]]:
    if dataset.modality == "text":
        return strange_texts()
    return strange_sounds() if dataset.modality == "audio" else strangers(dataset)


def classifier_of(
    dataset: Dataset, outcome: Outcome, trusted: Trust, test: Evaluation, protocol: str, strategy: str
) -> Classifier:
    """Return the classifier to keep.

    Parameters
    ----------
    dataset : Dataset
    outcome : Outcome
    trusted : Trust
    test : Evaluation
        Of the test images.
    protocol, strategy : str
        For the record.
    """
    fitted = outcome.fitted
    return Classifier(
        classes=dataset.class_names,
        backbones=fitted.backbones,
        precisions=outcome.precisions,
        widths=outcome.widths,
        head=fitted.head,
        tensors=fitted.tensors,
        settings=fitted.settings,
        calibration=trusted.calibration,
        conformal=trusted.conformal,
        familiarity=trusted.familiarity,
        memory=trusted.memory,
        info={
            "data": dataset.name,
            "images": len(dataset),
            "modality": dataset.modality,
            "protocol": protocol,
            "strategy": strategy,
            "test": {"n": test.n, "accuracy": test.accuracy, "accuracy_ci95": list(test.accuracy_ci95)},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        },
    )
