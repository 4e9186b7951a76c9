"""What every strategy is given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import Dataset
from regraft.features.engines import EngineName
from regraft.features.extraction import Features
from regraft.features.streaming import Progress
from regraft.finetuning.processes import ALONE, Processes
from regraft.finetuning.settings import Training
from regraft.result import Epoch

HeadKind = Literal["linear", "mlp"]


@dataclass(frozen=True, eq=False)
class Job:
    """The data, the request, and how long it may take.

    Parameters
    ----------
    dataset : Dataset
        Readable images only, with their split (or none, under cross-validation).
    protocol : {"given", "holdout", "cross-validation"}
    backbones : tuple of Backbone
    features : Features or None
        Of all images and backbones; None where nothing is transferred.
    heads : dict of str to dict
        The probe's heads to compare, with their settings.
    head : {"linear", "mlp"}
        Of the trained network, with `head_settings`.
    training : Training
    seed : int
    engine : {"auto", "openvino", "torch"}
    scratch : bool
        Whether the network starts from nothing: all of it is trained, batch normalisation included.
    deadline : float or None
        When all must be over, by `time.monotonic`.
    folder : Path or None
        Where checkpoints go; None keeps them in a temporary place.
    resume : Path or None
        The folder of an interrupted run to go on with.
    progress : callable or None
        Called with (images done, n) of a pass.
    announce : callable or None
        Called with each sentence about what is done.
    report : callable or None
        Called with each `Epoch` as it ends.
    processes : Processes
        That train together.
    """

    dataset: Dataset
    protocol: str
    backbones: tuple[Backbone, ...]
    features: Features | None
    heads: dict[str, dict[str, Any]]
    head: HeadKind
    head_settings: dict[str, Any]
    training: Training
    seed: int
    engine: EngineName
    scratch: bool = False
    deadline: float | None = None
    folder: Path | None = None
    resume: Path | None = None
    progress: Progress | None = None
    announce: Callable[[str], None] | None = None
    report: Callable[[Epoch], None] | None = None
    processes: Processes = ALONE
    notes: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Tell the user, and keep it for the report."""
        self.notes.append(sentence)
        if self.announce is not None:
            self.announce(f"Note: {sentence}")

    def features_of(self, backbone: Backbone) -> np.ndarray:
        """Return the frozen features (n, d) of one of the backbones."""
        assert self.features is not None
        edges = np.cumsum((0, *self.features.widths))
        position = [b.name for b in self.backbones].index(backbone.name)
        return self.features.values[:, edges[position] : edges[position + 1]]

    @property
    def own_validation(self) -> bool:
        """Whether the source has a validation part, which is never learnt from; else one is set aside for a while."""
        return bool(len(self.dataset.part("val")))

    @property
    def left(self) -> float:
        """Seconds until the deadline; infinite where there is none."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()

    @property
    def y(self) -> np.ndarray:
        """Class indices (n,)."""
        return self.dataset.y

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the indices."""
        return self.dataset.class_names
