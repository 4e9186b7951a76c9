"""Which layer to take, and how to pool it: chosen by cross-validation on the training part.

The last layer's average is what the source task asked for. Where the new task is far from it, as pictures of sounds
are from photographs, a lower layer tells more, and so does a pooling that keeps one axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.lookup import AUTO
from regraft.backbones.registry import Backbone, Pool
from regraft.data.dataset import Dataset
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress
from regraft.probe import select

if TYPE_CHECKING:
    from regraft.heads.selection import Candidate

CANDIDATES = 3
"""Stages of a network that are compared beside its last layer; each takes a pass of its own."""

LOWEST, HIGHEST = 0.45, 0.8
"""Between these shares of a network are the stages worth a pass: lower ones know edges, higher ones are like the last.

On spoken digits by take (Lite0 of seven blocks, over time): blocks.3 0.977, blocks.4 0.983, blocks.5 0.945, blocks.6
0.90.
"""

BELOW: dict[str, Pool] = {"image": "avg", "audio": "thirds", "text": "avg"}
AT_THE_TOP: dict[str, tuple[Pool, ...]] = {"image": ("avg", "max"), "audio": ("avg",), "text": ("avg", "first")}
"""How stages are pooled, and the last layer, where no pooling is named."""

JUDGE: dict[str, dict[str, Any]] = {"logistic": {"powers": (0.5,)}}
"""What the layers are compared by."""


@dataclass(frozen=True)
class LayerChoice:
    """The layers that were chosen, and what they were chosen from.

    Parameters
    ----------
    backbones : tuple of Backbone
        With their layers and poolings.
    compared : tuple of dict
        Of each candidate: backbone, layer (None for the last), pool, accuracy and its standard error, held out.
    """

    backbones: tuple[Backbone, ...]
    compared: tuple[dict[str, Any], ...]

    def sentence(self) -> str:
        """Return what was chosen, for people."""
        parts = []
        for backbone in self.backbones:
            own = [row for row in self.compared if row["backbone"] == backbone.name]
            shown = ", ".join(f"{_called(row['layer'], row['pool'])} {row['accuracy']:.3f}" for row in own)
            parts.append(f"{backbone.name} by {_called(backbone.layer, backbone.pool)} (of {shown})")
        return f"Layer and pooling, chosen by cross-validation on the training part: {'; '.join(parts)}."


def choosable(backbones: Sequence[Backbone], pool: str, layer: str | None) -> bool:
    """Return whether layer and pooling are to be chosen: where asked for, and for recordings where nothing is said."""
    if any(backbone.architecture == "word-vectors" for backbone in backbones):
        return False
    return layer == AUTO or (layer is None and pool == AUTO and backbones[0].modality == "audio")


def choose_layer(
    dataset: Dataset,
    backbones: Sequence[Backbone],
    *,
    pool: str,
    seed: int,
    engine: EngineName = "auto",
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> LayerChoice:
    """Return backbones whose layer and pooling tell the training part's classes apart best.

    Parameters
    ----------
    dataset : Dataset
        With its split; only the training part is looked at.
    backbones : sequence of Backbone
    pool : str
        The pooling, or "auto" to compare several.
    seed : int
    engine, skip_unreadable, progress
        As in `extract`.
    """
    chosen: list[Backbone] = []
    rows: list[dict[str, Any]] = []
    learnt = dataset.take(dataset.part("train"))
    for backbone in backbones:
        candidates = candidates_of(backbone, pool)
        features = extract(
            learnt.examples,
            learnt.names,
            candidates,
            engine=engine,
            skip_unreadable=skip_unreadable,
            progress=progress,
        )
        readable = replace(learnt.take(features.index), split=None)
        parts = np.split(features.values, np.cumsum(features.widths)[:-1], axis=1)
        judged: list[Candidate] = []
        for candidate, values in zip(candidates, parts, strict=True):
            judged += select(readable, values, np.arange(len(readable)), JUDGE, seed).candidates
            rows.append(
                {
                    "backbone": backbone.name,
                    "layer": candidate.layer,
                    "pool": candidate.pool,
                    "accuracy": judged[-1].accuracy,
                    "accuracy_se": judged[-1].accuracy_se,
                }
            )
        chosen.append(candidates[_best(judged, candidates.index(backbone) if backbone in candidates else None)])
    return LayerChoice(tuple(chosen), tuple(rows))


def _best(judged: Sequence[Candidate], usual: int | None) -> int:
    """Return the position of the best candidate: of the usual one, if none is clearly better."""
    best = max(range(len(judged)), key=lambda i: (judged[i].accuracy, -judged[i].log_loss))
    if usual is not None and judged[best].accuracy - judged[usual].accuracy <= judged[best].accuracy_se:
        return usual
    return best


def candidates_of(backbone: Backbone, pool: str) -> list[Backbone]:
    """Return a backbone with each of the layers and poolings that are worth comparing.

    Parameters
    ----------
    backbone : Backbone
    pool : str
        A pooling, or "auto".
    """
    stages = _stages(backbone)
    upper = stages[int(LOWEST * len(stages)) : int(HIGHEST * len(stages)) + 1]
    some = [upper[i] for i in np.unique(np.linspace(0, len(upper) - 1, CANDIDATES).round().astype(int))]
    asked: Any = None if pool == AUTO else pool
    below = [replace(backbone, layer=stage, pool=asked or BELOW[backbone.modality]) for stage in some]
    at_the_top = (asked,) if asked else AT_THE_TOP[backbone.modality]
    return [*below, *(replace(backbone, layer=None, pool=each) for each in at_the_top)]


def _stages(backbone: Backbone) -> list[str]:
    """Return the blocks of a network below its last, from the input up."""
    from regraft.backbones.encoders import depth

    if backbone.modality == "text":
        return [f"layer.{i}" for i in range(depth(backbone) - 1)]
    import torch

    from regraft.backbones.stages import stages
    from regraft.backbones.vision import timm

    with torch.device("meta"):
        network = timm.create_model(backbone.architecture, pretrained=False)
    names = list(stages(network))
    blocks = [name for name in names if "." in name]
    return blocks or names[:-1]


def _called(layer: str | None, pool: str) -> str:
    return f"{layer or 'the last layer'} ({pool})"
