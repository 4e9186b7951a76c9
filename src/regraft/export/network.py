"""A classifier as one network: raw pixels in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from regraft.backbones.vision import FeatureNetwork
from regraft.evaluation.calibration import Calibration
from regraft.evaluation.out_of_distribution import DOUBT_WEIGHT, OutOfDistribution
from regraft.evidence.growth import Growth, widened
from regraft.export.heads import HEADS, TINY, residual_of, rooted, tempered, unit_rows
from regraft.export.square import Square

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone
    from regraft.classifier import Classifier


class ClassifierNetwork(nn.Module):
    """All that a classifier of images does after decoding.

    Parameters
    ----------
    classifier : Classifier
        Of images.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.squares = nn.ModuleList(Square(backbone.preprocessing) for backbone in classifier.backbones)
        self.backbones = nn.ModuleList(_networks(classifier.backbones))
        self.head = HEADS[classifier.head](classifier.tensors, classifier.settings)
        self.calibration = Calibrated(classifier.calibration)
        self.growth = None if classifier.growth is None else Grown(classifier.growth)
        known = classifier.familiarity
        self.strangeness = None if known is None else Strangeness(known, classifier.growth, len(classifier.classes))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map pixels (n, h, w, 3) uint8 to probabilities (n, k), and to strangeness (n,) where the classifier can tell.

        An image whose strangeness is above 0 is unlike all that was learnt from.
        """
        features = torch.cat(
            [network(square(images)) for square, network in zip(self.squares, self.backbones, strict=True)], dim=1
        )
        probabilities = self.calibration(self.head(features))
        if self.growth is not None:
            probabilities = self.growth(features, probabilities)
        if self.strangeness is None:
            return (probabilities,)
        return probabilities, self.strangeness(features, probabilities)


def _networks(backbones: Sequence[Backbone]) -> list[nn.Module]:
    """Return the networks; those that differ only in how the square is cut are one."""
    made: dict[Backbone, nn.Module] = {}
    found = []
    for backbone in backbones:
        pixels = replace(backbone.preprocessing, crop=1.0, interpolation="bicubic", resize="crop", mirror=False)
        same = replace(backbone, preprocessing=pixels)
        if same not in made:
            made[same] = FeatureNetwork(backbone.build(), backbone).eval()
        found.append(made[same])
    return found


class Calibrated(nn.Module):
    """`Calibration.apply` inside a graph."""

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.calibration = calibration
        corners = max((len(x) for x, _ in calibration.curves), default=0)
        # Each class's curve as steps, padded with ones that rise by nothing.
        parts = [_steps(x, y, corners) for x, y in calibration.curves]
        for name, arrays in zip(("lowest", "begin", "width", "rise"), zip(*parts, strict=True), strict=False):
            self.register_buffer(name, torch.from_numpy(np.stack(arrays).astype(np.float32)))

    def forward(self, p: torch.Tensor) -> torch.Tensor:
        if self.calibration.method == "temperature":
            return tempered(p, self.calibration.inverse_temperature)
        if self.calibration.method == "none":
            return p
        begin, width, rise = (self.get_buffer(name) for name in ("begin", "width", "rise"))
        done = ((p[:, :, None] - begin) / width).clamp(0, 1)
        mapped = self.get_buffer("lowest") + (done * rise).sum(2) + self.calibration.smoothing
        return mapped / mapped.sum(1, keepdim=True)


def _steps(x: np.ndarray, y: np.ndarray, corners: int) -> tuple[np.ndarray, ...]:
    """Return a curve's lowest value and its steps: where each begins, how wide it is, how far it rises."""
    short = corners - len(x)
    begin = np.concatenate([x[:-1], np.ones(short)])
    # Corners nearer than float32 can tell apart make one upright step.
    width = np.concatenate([np.maximum(np.diff(x), 1e-7), np.ones(short)])
    return y[0], begin, width, np.concatenate([np.diff(y), np.zeros(short)])


class Grown(nn.Module):
    """`Growth.apply` inside a graph."""

    def __init__(self, growth: Growth) -> None:
        super().__init__()
        self.widths, self.base = growth.widths, growth.base
        for name in ("mean", "coef", "intercept"):
            self.register_buffer(name, torch.from_numpy(getattr(growth, name).astype(np.float32)))

    def forward(self, features: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        centred = unit_rows(rooted(features, self.widths) - self.get_buffer("mean"))
        shares = torch.softmax(centred @ self.get_buffer("coef").T + self.get_buffer("intercept"), 1)
        return torch.cat([shares[:, : self.base].sum(1, keepdim=True) * p, shares[:, self.base :]], dim=1)


class Strangeness(nn.Module):
    """How far an image is beyond what the classifier is familiar with: above 0, unlike all that was learnt from."""

    def __init__(self, familiarity: OutOfDistribution, growth: Growth | None, classes: int) -> None:
        super().__init__()
        self.base = classes if growth is None else growth.base
        known = familiarity if growth is None else widened(familiarity, growth.directions)
        self.widths, self.residual, self.doubt = known.widths, known.residual, known.doubt
        learnt = () if growth is None else growth.limits
        limits = [known.threshold] * self.base + [
            torch.inf if limit is None else max(limit, known.threshold) for limit in learnt
        ]
        self.register_buffer("limits", torch.tensor(limits, dtype=torch.float32).clamp(max=1e30))
        self.register_buffer("mean", torch.from_numpy(known.mean.astype(np.float32)))
        self.register_buffer("directions", torch.from_numpy(known.directions.astype(np.float32)))

    def forward(self, features: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        left = residual_of(rooted(features, self.widths), self.get_buffer("mean"), self.get_buffer("directions"))
        score = (left - self.residual[0]) / self.residual[1]
        label = p.argmax(1)
        if self.doubt is not None:
            judged = p
            if self.base < p.shape[1]:
                # An image that belongs to the head's classes is judged by the head alone.
                among = torch.arange(p.shape[1]) < self.base
                kept = torch.where((label < self.base)[:, None], among.float()[None], torch.ones_like(p))
                judged = p * kept
                judged = judged / judged.sum(1, keepdim=True)
            entropy = -(judged * judged.clamp(min=TINY).log()).sum(1)
            score = score + DOUBT_WEIGHT * (entropy - self.doubt[0]) / self.doubt[1]
        return score - self.get_buffer("limits")[label]
