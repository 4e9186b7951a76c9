"""A small network on features: a bottleneck, in which the domains are made alike, and a linear head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from regraft.backbones.stage_names import HEAD
from regraft.finetuning.head import build_head

BOTTLENECK = "bottleneck"


class BottleneckNetwork(nn.Module):
    """One hidden layer with ReLU and dropout, and a linear head: what `TrainedNetwork` is to pixels, to features.

    Parameters
    ----------
    d, k : int
        Length of the features, and number of classes.
    units : int
        Width of the hidden layer.
    dropout : float
        Share of the features, and of the hidden units, that is dropped while training.
    """

    takes_pixels = False
    trained = (BOTTLENECK,)

    def __init__(self, d: int, k: int, units: int, dropout: float = 0.0) -> None:
        super().__init__()
        head = build_head("mlp", d, k, (units,), dropout=dropout)
        self.layers = nn.Sequential(nn.Dropout(dropout), *head)

    @property
    def head(self) -> nn.Module:
        """The linear map of what the hidden layer gives."""
        return self.layers[-1]

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map features (n, d) to what the hidden layer gives (n, units)."""
        found: torch.Tensor = self.layers[:-1](inputs)
        return found

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map features (n, d) to logits (n, k)."""
        found: torch.Tensor = self.layers(inputs)
        return found

    def stage(self, name: str) -> nn.Module:
        """Return the bottleneck, or the head."""
        return self.layers[-1] if name == HEAD else self.layers[:-1]

    def learn(self, names: Sequence[str]) -> None:
        """Both layers always learn."""
