"""What is done with each shard: its features are written, or what a saved model says of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import Backbone
from regraft.classifier import Classifier
from regraft.errors import BundleError
from regraft.features.extraction import Features
from regraft.features.streaming import producer
from regraft.multitask.model import Tasks, holds_tasks


class Work(Protocol):
    """A task that travels to a worker and is opened there."""

    @property
    def name(self) -> str:
        """The command: "embed" or "predict"."""
        ...

    def open(self) -> Opened:
        """Return it ready to work: weights are looked up here."""
        ...


class Opened(Protocol):
    """A task ready to work."""

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """What computes the features."""
        ...

    @property
    def precisions(self) -> tuple[str, ...] | None:
        """Of each backbone; None where they are yet to be settled."""
        ...

    def facts(self, precisions: Sequence[str]) -> dict[str, Any]:
        """Return what the results depend on beside the examples: plain JSON values."""
        ...

    def columns(self, features: Features, names: list[str]) -> dict[str, Any]:
        """Return the columns of the readable rows: Arrow arrays of length len(names)."""
        ...


@dataclass(frozen=True)
class Embedding:
    """Features of examples.

    Parameters
    ----------
    modality : {"image", "text", "audio"}
    settings : dict
        Of `get_backbones`.
    """

    modality: str
    settings: dict[str, Any] = field(default_factory=dict)
    name: str = "embed"

    def open(self) -> OpenEmbedding:
        """Return the backbones that compute them."""
        return OpenEmbedding(tuple(get_backbones(modality=self.modality, **self.settings)))


@dataclass(frozen=True)
class OpenEmbedding:
    """Backbones whose features are written side by side."""

    backbones: tuple[Backbone, ...]
    precisions: tuple[str, ...] | None = None

    def facts(self, precisions: Sequence[str]) -> dict[str, Any]:
        """Return what makes the features."""
        return {"producers": [producer(*each) for each in zip(self.backbones, precisions, strict=True)]}

    def columns(self, features: Features, names: list[str]) -> dict[str, Any]:
        """Return the features."""
        return {"features": vectors(features.values)}


@dataclass(frozen=True)
class Naming:
    """What a saved model says of examples.

    Parameters
    ----------
    bundle : bytes
        Of the model: workers need no file of it.
    coverage : float, optional
        Of the sets of classes that cannot be ruled out.
    """

    bundle: bytes
    coverage: float | None = None
    name: str = "predict"

    def open(self) -> OpenNaming:
        """Return the model."""
        with tempfile.TemporaryDirectory(prefix="regraft-model-") as folder:
            file = Path(folder) / "model.regraft"
            file.write_bytes(self.bundle)
            model: Any = Tasks.load(file) if holds_tasks(file) else Classifier.load(file)
        if isinstance(model, Classifier):
            model.check_coverage(self.coverage)
        return OpenNaming(model, hashlib.sha256(self.bundle).hexdigest(), self.coverage)


@dataclass(frozen=True)
class OpenNaming:
    """A model, ready to name examples."""

    model: Any
    sha256: str
    coverage: float | None

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """Of the model."""
        return tuple(self.model.backbones)

    @property
    def precisions(self) -> tuple[str, ...] | None:
        """In which the model's features are computed."""
        return tuple(self.model.precisions)

    def facts(self, precisions: Sequence[str]) -> dict[str, Any]:
        """Return which model it is."""
        classes = {} if isinstance(self.model, Tasks) else {"classes": list(self.model.classes)}
        return {"model": self.sha256, "coverage": self.coverage, **classes}

    def columns(self, features: Features, names: list[str]) -> dict[str, Any]:
        """Return what the model says: the label and all probabilities, or an answer a task."""
        if len(features.index) and features.widths != self.model.widths:
            raise BundleError(
                f"The head must have features of the lengths {self.model.widths}, but its backbones give "
                f"{features.widths}; fit anew."
            )
        return self._answers(features, names) if isinstance(self.model, Tasks) else self._labels(features, names)

    def _labels(self, features: Features, names: list[str]) -> dict[str, Any]:
        import pyarrow as pa

        classes = self.model.classes
        said = self.model.name_features(features.values, names, self.coverage) if names else []
        shares = [[one.probabilities[name] for name in classes] for one in said]
        found = {
            "label": pa.array([one.label for one in said], pa.string()),
            "probability": pa.array([one.confidence for one in said], pa.float32()),
            "probabilities": vectors(np.array(shares, np.float32).reshape(len(said), len(classes))),
            "unfamiliar": pa.array([one.unfamiliar for one in said], pa.bool_()),
        }
        if self.coverage is not None:
            found["plausible"] = pa.array([one.plausible for one in said], pa.list_(pa.string()))
        return found

    def _answers(self, features: Features, names: list[str]) -> dict[str, Any]:
        import pyarrow as pa

        kinds = {"multi-label": pa.list_(pa.string()), "numbers": pa.float64()}
        said = self.model.answer(features.values, names) if names else []
        return {
            head.name: pa.array([one.answers[head.name].value for one in said], kinds.get(head.kind, pa.string()))
            for head in self.model.heads
        }


def vectors(values: np.ndarray) -> Any:
    """Return an array (n, d) as an Arrow array of n lists of d float32.

    Lists of no fixed size: those of a fixed one cannot be read again where a row is missing.
    """
    import pyarrow as pa

    n, width = values.shape
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.ListArray.from_arrays(pa.array(np.arange(n + 1) * width, pa.int32()), flat)
