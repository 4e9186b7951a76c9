"""How well linear probes do on features, on raw pixels, and on low and high layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.control import RAW, raw_values
from regraft.data.dataset import Dataset
from regraft.errors import DataError
from regraft.features.engines import EngineName
from regraft.features.extraction import Features
from regraft.transferability.judge import Judge, Judgement, appoint
from regraft.transferability.layers import rank_layers

LAYERS_ON = 400
"""Images on which the layers are compared: one more pass, for a figure that is read as low or high."""


@dataclass(frozen=True)
class Probes:
    """How well linear probes do, cross-validated on the training images; None where `reason` says why.

    Parameters
    ----------
    features, raw_pixels : float or None
        On the network's features, and on 16 x 16 pixels, or on the TF-IDF of texts.
    raw : str
        What the second is, in words.
    low, high : float or None
        On the output of a stage a quarter of the way up the first network, and of its last.
    layers : tuple of (str, float)
        On every stage's output, from the pixels up.
    chance : float or None
        Of naming the most frequent class.
    transfers : bool or None
        Whether features beat raw pixels by more than two standard errors.
    reason : str or None
    """

    features: float | None = None
    raw_pixels: float | None = None
    raw: str = RAW["image"]
    low: float | None = None
    high: float | None = None
    layers: tuple[tuple[str, float], ...] = ()
    chance: float | None = None
    transfers: bool | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self), "layers": [{"stage": stage, "probe": probe} for stage, probe in self.layers]}


def measure(dataset: Dataset, found: Features, backbone: Backbone, engine: EngineName, seed: int) -> Probes:
    """Return how linear probes do on the features, on raw pixels, and on the layers of one network.

    Parameters
    ----------
    dataset : Dataset
        Training images that can be read.
    found : Features
        Theirs, with their looks.
    backbone : Backbone
        Whose layers are compared.
    engine : {"auto", "openvino", "torch"}
    seed : int
        Draws images, and deals folds.
    """
    try:
        judge = appoint(dataset.y, dataset.groups, seed)
        on_features = judge(found.values)
    except DataError as error:
        return Probes(reason=f"no probe could be fitted. {_sentence(error)}")
    on_pixels = _on_pixels(judge, found)
    layers = _layers(dataset, backbone, engine, seed)
    return Probes(
        features=on_features.accuracy,
        raw_pixels=None if on_pixels is None else on_pixels.accuracy,
        raw=RAW[dataset.modality],
        low=layers[len(layers) // 4][1] if layers else None,
        high=layers[-1][1] if layers else None,
        layers=layers,
        chance=judge.chance,
        transfers=None if on_pixels is None else _beats(on_features, on_pixels),
        reason=None if layers else f"{backbone.name} has no stages that can be compared on these images.",
    )


def _on_pixels(judge: Judge, found: Features) -> Judgement | None:
    try:
        return None if found.looks is None else judge(raw_values(found.looks))
    except DataError:  # thumbnails that never differ, though features do
        return None


def _beats(one: Judgement, other: Judgement) -> bool:
    return one.accuracy - other.accuracy > 2 * float(np.hypot(one.se, other.se))


def _layers(dataset: Dataset, backbone: Backbone, engine: EngineName, seed: int) -> tuple[tuple[str, float], ...]:
    from regraft.heads.folds import stratified_rows

    part = dataset.take(stratified_rows(dataset.y, LAYERS_ON, seed))
    try:
        judge = appoint(part.y, part.groups, seed)
        rows = rank_layers(backbone, part.examples, part.names, part.y, judge, engine=engine)
    except DataError:  # too few images on either side of a fold
        return ()
    return tuple((row.stage, row.probe) for row in rows if row.probe is not None)


def _sentence(error: Exception) -> str:
    text = str(error)
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
