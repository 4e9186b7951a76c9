"""How much a new task's images look like those that a network learnt from, without any of those at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.checks import divergence
from regraft.backbones.registry import Backbone
from regraft.backbones.source import source_probabilities
from regraft.data.images import read_bytes
from regraft.errors import Unreadable
from regraft.transferability.overlap import MEMORY, Overlap, overlap_with

if TYPE_CHECKING:
    import torch

# Measured with Lite0 and Lite1, the mean of both where two figures are not given:
#
#                    top-5 mass    misfit (Lite0, Lite1)
#   dog breeds       0.80          0.08, 0.07
#   cats and dogs    0.57          0.05, 0.06
#   flowers          0.54          0.09, 0.10
#   hot dogs         0.53          0.10, 0.09
#   cat / not cat    0.45          0.08, 0.09
#   hand signs       0.28          0.31, 0.35
#   solar cells      0.27          0.39, 0.40
#
# The limits are halfway, by their logarithms. Not told apart: the energy of the source's logits (8.1 to 9.4 and 8.1 to
# 8.2), and over how many source classes a class's mean probabilities are spread (15 to 320 and 230 to 270).

CONCENTRATED = 0.36
"""Share of each image's source probabilities on its likeliest classes, above which images are like the source's."""

FITS = 0.18
"""Largest misfit at the last batch normalisation of images that are like the source's."""

TOP = 5
"""The likeliest classes."""

SAMPLE = 16
"""Images that are sent through the network for the misfit: 64 gave the same within 0.05."""

ROWS = 2000
"""Most images whose source probabilities are looked at."""


@dataclass(frozen=True)
class Similarity:
    """How similar a task is to what a network learnt from; what is undefined is None, and `reasons` say why.

    Parameters
    ----------
    verdict : {"similar", "different"} or None
    text : str
        The verdict with its figures, in a sentence.
    overlap : Overlap or None
        Of the target's classes with the source's, by name.
    concentration : float or None
        Mean share of an image's source probabilities on its five likeliest source classes.
    max_probability : float or None
        Mean share on the likeliest.
    source_classes_used : float or None
        Over how many source classes the mean probabilities of a class are spread: exp(entropy), of the median class.
    misfit : float or None
        How far images are, where they reach the last batch normalisation, from what it learnt of the source's.
    reasons : dict of str to str
        Why a figure is None.
    """

    verdict: str | None
    text: str
    overlap: Overlap | None = None
    concentration: float | None = None
    max_probability: float | None = None
    source_classes_used: float | None = None
    misfit: float | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, but for the overlap."""
        return {name: value for name, value in vars(self).items() if name != "overlap"}


def similarity(
    backbones: Sequence[Backbone],
    features: npt.NDArray[np.float32],
    widths: Sequence[int],
    y: npt.NDArray[np.int64],
    class_names: Sequence[str],
    examples: Sequence[Any],
    folder: Path | None = None,
) -> Similarity:
    """Measure how similar a task is to the source task of some networks.

    Where half of the classes or more are the source's own, the task is similar. Else the concentration of the source's
    probabilities and the misfit of the statistics decide, each by the logarithm of its distance from its limit.

    Parameters
    ----------
    backbones : sequence of Backbone
    features : array of shape (n, d)
        Theirs, side by side.
    widths : sequence of int
        Columns of each.
    y : int array of shape (n,)
        Class indices.
    class_names : sequence of str
    examples : sequence of Path, bytes, array or Row, length n
    folder : path, optional
        As in `source_classes`.
    """
    overlap = overlap_with(class_names, backbones, folder)
    found: dict[str, float | None] = dict.fromkeys(_FIGURES)
    reasons: dict[str, str] = {}
    if overlap is None:
        reasons["overlap"] = "it is not known which classes the network learnt."
    spread = _spread(backbones, features, widths, y, folder)
    if spread is None:
        why = "there is no classifier of a source task to ask."
        reasons |= dict.fromkeys(_SPREAD, why)
    else:
        found |= spread
    misfit = _misfit(backbones[0], examples)
    if isinstance(misfit, str):
        reasons["misfit"] = misfit
    else:
        found["misfit"] = misfit
    verdict, text = _judged(overlap, found["concentration"], found["misfit"])
    return Similarity(verdict, text, overlap, **found, reasons=reasons)


_SPREAD = ("concentration", "max_probability", "source_classes_used")
_FIGURES = (*_SPREAD, "misfit")


def concentration(probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """Return the mean share of source probabilities (n, z) on each image's five likeliest classes."""
    top = min(TOP, probabilities.shape[1])
    return float(np.sort(probabilities, axis=1)[:, -top:].sum(axis=1).mean())


def source_classes_used(probabilities: npt.NDArray[np.floating[Any]], y: npt.NDArray[np.int64]) -> float:
    """Return over how many source classes the mean probabilities (z,) of a target class are spread, in the median.

    Parameters
    ----------
    probabilities : array of shape (n, z)
    y : int array of shape (n,)
    """
    means = [probabilities[y == label].mean(axis=0, dtype=np.float64) for label in np.unique(y)]
    return float(np.median([np.exp(-(p * np.log(np.maximum(p, 1e-12))).sum()) for p in means]))


def last_normalisation_misfit(network: torch.nn.Module, images: torch.Tensor) -> float | None:
    """Return how far images are from what the last batch normalisation learnt of the source's.

    Parameters
    ----------
    network : torch.nn.Module
        With timm's contract, in eval mode.
    images : tensor of shape (n, 3, h, w)
        Normalised as the weights expect.

    Returns
    -------
    float or None
        The divergence in nats (see `regraft.backbones.checks.divergence`); None where the network has no batch
        normalisation.
    """
    import torch

    found: list[float] = []

    def compare(layer: torch.nn.BatchNorm2d, arguments: tuple[torch.Tensor, ...]) -> None:
        if layer.running_mean is not None and layer.running_var is not None:
            found.append(divergence(arguments[0], layer.running_mean, layer.running_var))

    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(compare) for layer in layers]
    try:
        with torch.inference_mode():
            network.forward_features(images)  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
    return found[-1] if found else None


def _spread(
    backbones: Sequence[Backbone],
    features: npt.NDArray[np.float32],
    widths: Sequence[int],
    y: npt.NDArray[np.int64],
    folder: Path | None,
) -> dict[str, float] | None:
    """Return how the source's probabilities are spread, on average over the networks that have any."""
    rows = np.unique(np.linspace(0, len(y) - 1, min(ROWS, len(y))).astype(int))
    parts = np.split(features[rows], np.cumsum(list(widths))[:-1], axis=1)
    figures = []
    for backbone, part in zip(backbones, parts, strict=True):
        probabilities = source_probabilities(part, backbone, folder)
        if probabilities is not None:
            likeliest = float(probabilities.max(axis=1).mean())
            figures.append((concentration(probabilities), likeliest, source_classes_used(probabilities, y[rows])))
    return dict(zip(_SPREAD, np.mean(figures, axis=0).tolist(), strict=True)) if figures else None


def _misfit(backbone: Backbone, examples: Sequence[Any]) -> float | str:
    """Return the misfit of some images from all over the data, or why there is none."""
    if backbone.modality == "text":
        return "text encoders keep no statistics of what they learnt from."
    import torch

    if backbone.weights.random:
        return "the weights are random: they have learnt nothing of any images."
    pixels, scale = [], backbone.preprocessing
    if backbone.layer is not None:
        return "what reaches the last normalisation is not on the way to the features."
    for i in np.unique(np.linspace(0, len(examples) - 1, min(SAMPLE, len(examples))).astype(int)):
        try:
            pixels.append(backbone.pixels(read_bytes(examples[i])))
        except Unreadable:
            continue
    if not pixels:
        return "none of the images that were drawn for it can be read."
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (scale.mean, scale.std))
    found = last_normalisation_misfit(backbone.build(), (images - mean) / std)
    return f"{backbone.name} has no batch normalisation." if found is None else found


def _judged(overlap: Overlap | None, mass: float | None, misfit: float | None) -> tuple[str | None, str]:
    """Return the verdict, and a sentence that gives its figures."""
    weight, said = 0.0, []
    if mass is not None:
        weight += log(max(mass, 1e-6) / CONCENTRATED)
        said.append(
            f"the five likeliest source classes take {mass:.0%} of the probability of an image ({CONCENTRATED:.0%} or "
            "more is similar)"
        )
    if misfit is not None:
        weight += log(FITS / max(misfit, 1e-6))
        said.append(
            f"the statistics of its features are {misfit:.2f} nats from those of the source (at most {FITS} is similar)"
        )
    own = overlap is not None and overlap.share >= MEMORY
    if overlap is not None and own:
        said.insert(0, f"{len(overlap.found)} of {len(overlap.matches)} classes are the source's own")
    if not said:
        return (
            None,
            "How similar the examples are to the source's is not known: the network has no source to compare with.",
        )
    similar = own or weight > 0
    what = "Similar to" if similar else "Different from"
    return "similar" if similar else "different", f"{what} what the network learnt from: {'; '.join(said)}."
