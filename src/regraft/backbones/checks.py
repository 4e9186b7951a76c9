"""Checks of what is transferred: mistakes that cost most of the transfer and raise no error by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import SCALES, Preprocessing
from regraft.backbones.registry import IMAGENET_MEAN, IMAGENET_STD, Backbone
from regraft.backbones.weights import FileWeights
from regraft.data.images import decode, read_bytes
from regraft.errors import Unreadable

if TYPE_CHECKING:
    import torch

SAMPLE = 16
"""Images that are looked at to see whether pixels fit."""

FITS = 0.35
"""Largest misfit of pixels that are scaled as the weights expect, on photographs.

Measured on 16 images of flowers, cats and dogs, hot dogs, dog breeds and 64-pixel cats with EfficientNet-Lite0, 1 and
2: 0.02 to 0.25 where the scaling is right, 0.43 and more where it is not (0..1, ImageNet's mean and deviation).
"""

NEVER_FITS = 3.0
"""Above this no scaling that fits was ever seen: hand signs on white had 0.7, solar cells 1.2, sparse drawings 1.9.

Images so unlike photographs fit badly however they are scaled. Below this a scaling is only called wrong where another
one has half its misfit or less.
"""


def warnings(
    backbones: Sequence[Backbone],
    values: np.ndarray | None = None,
    widths: Sequence[int] = (),
    examples: Sequence[Any] = (),
) -> list[str]:
    """Return what is wrong with what is transferred, each a sentence for people.

    Parameters
    ----------
    backbones : sequence of Backbone
        As they are used, with their pooling and preprocessing.
    values : float array of shape (n, d), optional
        Their features, side by side.
    widths : sequence of int
        Columns of each backbone in `values`.
    examples : sequence of Path, bytes, array or Row
        The images; a few are read where a weights file's preprocessing is not known.

    Returns
    -------
    list of str
        Empty where nothing is wrong.

    Raises
    ------
    WeightsError
        If a weights file is missing or does not fit.
    """
    own: list[np.ndarray | None] = [None] * len(backbones)
    if values is not None:
        own = list(np.split(values, np.cumsum(widths)[:-1], axis=1))
    found: list[str] = []
    for backbone, features in zip(backbones, own, strict=True):
        if backbone.pool == "scores" or (features is not None and features_are_scores(features)):
            found.append(_scores_sentence(backbone, features))
        found += _preprocessing_sentences(backbone, examples)
    return found


def features_are_scores(values: np.ndarray) -> bool:
    """Return whether features (n, d) are the probabilities of classes: no row has a negative value, and all sum to 1.

    Scores name the source task's classes; what tells the new task's classes apart is in the features before them.
    """
    if values.ndim != 2 or len(values) == 0 or values.shape[1] < 2:
        return False
    # Rounded to bf16, a thousand scores sum to 1 within a few thousandths.
    return bool(values.min() >= 0 and np.abs(values.sum(axis=1) - 1).max() < 0.02)


def pixels_fit(network: torch.nn.Module, backbone: Backbone, pixels: np.ndarray) -> float | None:
    """Return how far images are, where they reach the first batch normalisation, from what it learnt of its images.

    Parameters
    ----------
    network : torch.nn.Module
        With timm's contract, in eval mode.
    backbone : Backbone
        Whose mean and standard deviation the pixels are normalised with.
    pixels : uint8 array of shape (n, size, size, 3)

    Returns
    -------
    float or None
        The mean over channels of the Kullback-Leibler divergence, in nats, between normal distributions with the
        images' mean and variance and with the running ones: 0 where they agree; see `FITS`. None where the network
        has no batch normalisation.
    """
    import torch

    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (backbone.preprocessing.mean, backbone.preprocessing.std))
    reached = _first_normalisation(network, (images - mean) / std)
    if reached is None:
        return None
    return divergence(*reached)


def divergence(arrived: torch.Tensor, learnt_mean: torch.Tensor, learnt_variance: torch.Tensor) -> float:
    """Return how far what arrives at a batch normalisation is from what it learnt.

    Parameters
    ----------
    arrived : tensor of shape (n, c, h, w)
    learnt_mean, learnt_variance : tensors of shape (c,)
        Running statistics.

    Returns
    -------
    float
        The mean over channels of the Kullback-Leibler divergence, in nats, between normal distributions.
    """
    alive = learnt_variance > 1e-4 * learnt_variance.max()  # a dead channel says nothing, and divides by nothing
    ratio = (arrived.var((0, 2, 3)) / learnt_variance)[alive].clamp(min=1e-6)
    distance = ((arrived.mean((0, 2, 3)) - learnt_mean) ** 2 / learnt_variance)[alive]
    return float((ratio + distance - 1 - ratio.log()).mean() / 2)


class _Reached(Exception):
    """The first batch normalisation has its input; what comes after need not be computed."""


def _first_normalisation(network: Any, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """Return what arrives at the first batch normalisation (n, c, h, w), its running mean and its running variance."""
    import torch

    reached: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def stop(layer: torch.nn.BatchNorm2d, arguments: tuple[torch.Tensor, ...]) -> None:
        if layer.running_mean is not None and layer.running_var is not None:
            reached.append((arguments[0], layer.running_mean, layer.running_var))
            raise _Reached

    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(stop) for layer in layers]
    try:
        with torch.inference_mode():
            if hooks:
                network.forward_features(images)
    except _Reached:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return reached[0] if reached else None


def _scores_sentence(backbone: Backbone, values: np.ndarray | None) -> str:
    count = "class scores" if values is None else f"{values.shape[1]:,} class scores"
    return (
        f"Class scores used as features: {backbone.name} gives the {count} of its source task, which keep little of "
        "what tells other classes apart; use --pool avg, the features before its classifier."
    )


def _preprocessing_sentences(backbone: Backbone, examples: Sequence[Any]) -> list[str]:
    from_file = isinstance(backbone.weights, FileWeights)
    # Random weights expect nothing, and those that a classifier carries were trained as they are used.
    if backbone.modality != "image" or not (backbone.weights.portable or from_file):
        return []
    got, expected = backbone.preprocessing, get_backbones(backbone.name)[0].preprocessing
    found = []
    if from_file:
        found += _measured_sentences(backbone, expected, examples)
    elif (got.mean, got.std) != (expected.mean, expected.std):
        found.append(
            f"Preprocessing that the weights do not expect: {backbone.name} must have {expected.scale}, but gets "
            f"{got.scale}; leave --pixels out."
        )
    if 2 * got.size < expected.size:
        found.append(
            f"Images far smaller than the weights expect: {backbone.name} learnt from {expected.size} x "
            f"{expected.size} pixels, but gets {got.size} x {got.size}; leave --image-size out."
        )
    return found


def _measured_sentences(backbone: Backbone, usual: Preprocessing, examples: Sequence[Any]) -> list[str]:
    """Ask a weights file of unknown preprocessing what it learnt, since only it knows."""
    pixels = _sample(backbone.preprocessing, examples)
    if pixels is None:
        return []
    network = backbone.build()
    ways = {(usual.mean, usual.std), *SCALES.values(), (IMAGENET_MEAN, IMAGENET_STD)}
    others = [replace(backbone.preprocessing, mean=mean, std=std) for mean, std in sorted(ways)]
    misfit = pixels_fit(network, backbone, pixels)
    if misfit is None or misfit <= FITS:
        return []
    fits = [(fit, o) for o in others if (fit := pixels_fit(network, replace(backbone, preprocessing=o), pixels))]
    best, better = min(fits, key=lambda pair: pair[0])
    start = (
        f"Preprocessing that the weights do not expect: {backbone.name} gets {backbone.preprocessing.scale}, and they "
        f"reach its first normalisation far from what {backbone.weights.source} learnt (misfit {misfit:.2f}, "
        f"must be below {FITS})"
    )
    if 2 * best <= misfit:
        return [f"{start}; {better.scale} fit better ({best:.2f}): {_remedy(better, usual)}."]
    if misfit > NEVER_FITS:
        return [f"{start}, and no usual way to scale them fits: check how the weights were trained."]
    return []


def _remedy(better: Preprocessing, usual: Preprocessing) -> str:
    if (better.mean, better.std) == (usual.mean, usual.std):
        return "leave --pixels out"
    for name, scale in SCALES.items():
        if (better.mean, better.std) == scale:
            return f"use --pixels {name}"
    return "use a backbone of that preprocessing"


def _sample(preprocessing: Preprocessing, examples: Sequence[Any]) -> np.ndarray | None:
    """Return the pixels (<= SAMPLE, size, size, 3) of readable images from all over the data."""
    pixels = []
    for i in range(0, len(examples), max(1, len(examples) // SAMPLE)):
        try:
            pixels.append(preprocessing.apply(decode(read_bytes(examples[i]), preprocessing.short_side)))
        except Unreadable:
            continue
    return np.stack(pixels) if pixels else None
