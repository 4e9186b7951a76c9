"""What a fit, an evaluation and an embedding give back: plain values, which reports only render."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft import __version__
from regraft.backbones.registry import Backbone
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset, Skipped
from regraft.evaluation.metrics import Evaluation
from regraft.features.extraction import Features

if TYPE_CHECKING:
    from regraft.heads.selection import Candidate


@dataclass(frozen=True)
class Result:
    """All that a fit found: the classifier, the evidence, and how they came about.

    Parameters
    ----------
    classifier : Classifier
    dataset : Dataset
        The readable examples, with their split.
    protocol : {"holdout", "given", "cross-validation"}
        How the evaluated images were kept apart from the training ones.
    evaluations : dict of str to Evaluation
        "test", and "val" where the source has validation images.
    test_index : int array of shape (m,)
        Positions in `dataset` of the evaluated images.
    test_probabilities : float array of shape (m, k)
    candidates : tuple
        The heads compared: name, accuracy, accuracy_se, log_loss, settings.
    timings : dict of str to float
        Seconds: read, features, head, evaluation, total.
    """

    classifier: Classifier
    dataset: Dataset
    protocol: str
    evaluations: dict[str, Evaluation]
    test_index: np.ndarray
    test_probabilities: np.ndarray
    candidates: tuple[Candidate, ...]
    timings: dict[str, float]
    engine: str
    cache_hits: int
    cache_misses: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    seed: int
    strategy: str = "probe"
    command: str = ""
    version: str = __version__
    created: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        """Name of the head that was chosen."""
        return self.classifier.head

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """The backbones whose features were used."""
        return self.classifier.backbones

    @property
    def precision(self) -> str:
        """In which the features were computed."""
        return ", ".join(dict.fromkeys(self.classifier.precisions))

    @property
    def images_per_second(self) -> float:
        """Images a second through reading, decoding and all backbones (or the cache)."""
        return len(self.dataset) / max(self.timings["features"], 1e-9)

    @property
    def n_train(self) -> int:
        """Images that the evaluated classifier was trained on; all of them under cross-validation."""
        return len(self.dataset) if self.protocol == "cross-validation" else len(self.dataset.part("train"))

    @property
    def n_val(self) -> int:
        """Validation images: choices were made on them."""
        return len(self.dataset.part("val"))

    @property
    def n_test(self) -> int:
        """Images that the evaluation is about."""
        return len(self.test_index)

    def to_dict(self) -> dict[str, Any]:
        """Return `result.json`: plain values."""
        weights = [
            {"source": b.weights.source, "sha256": b.weights.sha256(), "licence": b.weights.licence}
            for b in self.backbones
        ]
        return {
            "classes": list(self.classifier.classes),
            "n_train": self.n_train,
            "n_val": self.n_val,
            "n_test": self.n_test,
            "protocol": self.protocol,
            "metrics": {name: evaluation.to_dict() for name, evaluation in self.evaluations.items()},
            "backbone": "+".join(b.name for b in self.backbones),
            "weights": weights,
            "head": {
                "name": self.chosen,
                "settings": self.classifier.settings,
                "candidates": [
                    {
                        "name": c.name,
                        "accuracy": c.accuracy,
                        # One held-out image has no standard error, and JSON no infinity.
                        "accuracy_se": c.accuracy_se if math.isfinite(c.accuracy_se) else None,
                        "log_loss": c.log_loss,
                    }
                    for c in self.candidates
                ],
            },
            "strategy": self.strategy,
            "settings": self.settings,
            "engine": self.engine,
            "precision": self.precision,
            "timings_s": {name: round(seconds, 4) for name, seconds in self.timings.items()},
            "images_per_second": round(self.images_per_second, 1),
            "cache": {"hits": self.cache_hits, "misses": self.cache_misses},
            "skipped": [{"name": s.name, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "seed": self.seed,
            "command": self.command,
            "version": self.version,
            "created": self.created,
        }


@dataclass(frozen=True)
class Evaluated:
    """A saved classifier's figures on labelled images.

    Parameters
    ----------
    evaluation : Evaluation
    dataset : Dataset
        The readable images that were evaluated.
    probabilities : float array of shape (n, k)
    skipped : tuple of Skipped
    notes : tuple of str
    seconds : float
    """

    evaluation: Evaluation
    dataset: Dataset
    probabilities: np.ndarray
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **self.evaluation.to_dict(),
            "skipped": [{"name": s.name, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True)
class Embedded:
    """Features of images, for use elsewhere.

    Parameters
    ----------
    names : tuple of str
        The readable images.
    features : Features
    labels : tuple of str or None
        Where the source has labels.
    skipped : tuple of Skipped
        Images that cannot be used, and why.
    """

    names: tuple[str, ...]
    features: Features
    labels: tuple[str, ...] | None
    skipped: tuple[Skipped, ...]
