"""What a fit, an evaluation and an embedding give back: plain values, which reports only render."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft import __version__
from regraft.auditing.findings import Audit
from regraft.backbones.registry import Backbone
from regraft.classifier import Classifier
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.evaluation.metrics import Evaluation
from regraft.evidence.evidence import Evidence
from regraft.features.extraction import Features
from regraft.self_training.self_taught import SelfTaught
from regraft.transferability.overlap import Overlap

if TYPE_CHECKING:
    from regraft.heads.selection import Candidate


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    Parameters
    ----------
    attempt : str
        Which training it belongs to: the name of an `Attempt`.
    phase : str
        Which stages were trained, in words.
    epoch : int
        From 1 on.
    train_loss, val_loss, val_accuracy : float
        Cross-entropy in nats of augmented training images, and of plain validation images after the temperature that
        suits them best; a share.
    learning_rate : float
        Of the topmost stage, at the end of the pass.
    seconds : float
        Since the attempt began.
    """

    attempt: str
    phase: str
    epoch: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what is not finite is None."""
        plain = asdict(self)
        return {n: None if isinstance(v, float) and not math.isfinite(v) else v for n, v in plain.items()}


@dataclass(frozen=True)
class Attempt:
    """One way to a classifier, and how it did on the validation images, by which the best was chosen.

    Parameters
    ----------
    name : str
        Such as "probe" or "finetune from blocks.5".
    accuracy, log_loss : float
        On the validation images.
    n : int
        Of them.
    trainable : int
        Parameters that were trained.
    seconds : float
    chosen : bool
    note : str
        What went otherwise than planned; "" where nothing did.
    """

    name: str
    accuracy: float
    log_loss: float
    n: int
    trainable: int
    seconds: float
    chosen: bool = False
    note: str = ""


def keeps_probe(attempts: Sequence[Attempt]) -> bool:
    """Return whether a head on frozen features is kept; where nothing else was tried, no attempt is listed."""
    return not attempts or any(attempt.chosen and attempt.name == "probe" for attempt in attempts)


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
        Seconds: read, features, head, evaluation, total; and training, where a network was trained.
    strategy : {"probe", "finetune", "scratch", "auto"}
        What was asked for.
    attempts : tuple of Attempt
        The ways tried where a network was trained; one of them is chosen.
    history : tuple of Epoch
        Of all trainings, in the order they ran.
    trainable : int
        Parameters that were trained for the classifier that is kept.
    augmentation : Augmentation or None
        How training images were varied.
    evidence : Evidence
        How far to trust the classifier.
    audit : Audit
        What is wrong with the data.
    overlap : Overlap or None
        The classes that the source's task has too; None where there are none.
    taught : SelfTaught or None
        What images without labels gave, where there were any.
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
    evidence: Evidence
    audit: Audit
    strategy: str = "probe"
    command: str = ""
    version: str = __version__
    created: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    history: tuple[Epoch, ...] = ()
    trainable: int = 0
    augmentation: Any = None
    overlap: Overlap | None = None
    taught: SelfTaught | None = None

    @property
    def chosen(self) -> str:
        """Name of the head that was chosen."""
        return self.classifier.head

    @property
    def probed(self) -> bool:
        """Whether the classifier that is kept is a head on frozen features."""
        return keeps_probe(self.attempts)

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
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "history": [epoch.to_dict() for epoch in self.history],
            "trainable_parameters": self.trainable,
            "augmentation": None if self.augmentation is None else self.augmentation.to_dict(),
            "evidence": self.evidence.to_dict(),
            "audit": {name: value for name, value in self.audit.to_dict().items() if name != "seconds"},
            "overlap": None if self.overlap is None else self.overlap.to_dict(),
            "unlabelled": None if self.taught is None else self.taught.to_dict(),
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
    """Features of images, texts or recordings, for use elsewhere.

    Parameters
    ----------
    names : tuple of str
        The readable images.
    features : Features
    labels : tuple of str or None
        Where the source has labels.
    skipped : tuple of Skipped
        What cannot be used, and why.
    modality : {"image", "text", "audio"}
    """

    names: tuple[str, ...]
    features: Features
    labels: tuple[str, ...] | None
    skipped: tuple[Skipped, ...]
    modality: str = "image"

    @property
    def things(self) -> str:
        """What people call them: images, texts or recordings."""
        return NOUNS[self.modality][1]
