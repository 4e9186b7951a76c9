"""Several heads on shared features as one torch module, their losses, and back to what is stored."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softplus

from regraft.multitask.tasks import Task

Map = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""Coefficients (o, d) and intercepts (o,)."""


class OrdinalHead(nn.Module):
    """One score, and thresholds that rise: the logits (n, k - 1) of being at most each class but the last.

    Parameters
    ----------
    d : int
        Length of the features.
    k : int
        Classes, 2 or more.

    References
    ----------
    P. McCullagh, Regression Models for Ordinal Data, 1980.
    """

    def __init__(self, d: int, k: int) -> None:
        super().__init__()
        self.score = nn.Linear(d, 1, bias=False)
        self.first = nn.Parameter(torch.zeros(1))
        self.gaps = nn.Parameter(torch.zeros(k - 2))

    @property
    def thresholds(self) -> torch.Tensor:
        """Return the thresholds (k - 1,), rising."""
        return torch.cat([self.first, self.first + softplus(self.gaps).cumsum(0)])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (n, d) to logits (n, k - 1)."""
        return self.thresholds - self.score(features)


class TaskHeads(nn.Module):
    """A head for each task; their logits stand side by side.

    Parameters
    ----------
    d : int
        Length of the features.
    tasks : sequence of Task
    """

    def __init__(self, d: int, tasks: Sequence[Task]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            OrdinalHead(d, len(task.classes)) if task.kind == "ordinal" else nn.Linear(d, task.outputs)
            for task in tasks
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (n, d) to the logits (n, o) of all tasks."""
        return torch.cat([head(features) for head in self.heads], dim=1)


def columns_of(tasks: Sequence[Task]) -> list[slice]:
    """Return where each task's logits stand among those of all."""
    edges = np.cumsum([0, *(task.outputs for task in tasks)])
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def build_heads(d: int, tasks: Sequence[Task], bottleneck: int = 0, dropout: float = 0.0) -> nn.Sequential:
    """Return new heads on features (n, d), behind a shared layer of so many units where there is to be one."""
    layers: list[tuple[str, nn.Module]] = []
    if bottleneck:
        layers += [("drop", nn.Dropout(dropout)), ("shared", nn.Linear(d, bottleneck)), ("relu", nn.ReLU())]
    layers.append(("tasks", TaskHeads(bottleneck or d, tasks)))
    return nn.Sequential(OrderedDict(layers))


def start_from(heads: TaskHeads, maps: Sequence[Map]) -> None:
    """Give heads what linear maps have learnt on the same features; changed in place."""
    with torch.no_grad():
        for head, (coef, intercept) in zip(heads.heads, maps, strict=True):
            weights, offsets = torch.tensor(coef).float(), torch.tensor(intercept).float()
            if isinstance(head, OrdinalHead):
                head.score.weight.copy_(-weights[:1])
                head.first.copy_(offsets[:1])
                # softplus backwards; a gap of nothing has no inverse.
                head.gaps.copy_(torch.log(torch.expm1(offsets.diff().clamp(1e-3, 50.0))))
            else:
                assert isinstance(head, nn.Linear)
                head.weight.copy_(weights)
                head.bias.copy_(offsets)


def maps_of(heads: TaskHeads) -> list[Map]:
    """Return each task's head as a linear map."""
    found: list[Map] = []
    for head in heads.heads:
        if isinstance(head, OrdinalHead):
            coef = -head.score.weight.expand(len(head.thresholds), -1)
            found.append((_array(coef), _array(head.thresholds)))
        else:
            assert isinstance(head, nn.Linear)
            found.append((_array(head.weight), _array(head.bias)))
    return found


def loss_of(task: Task, logits: torch.Tensor, truth: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Return the mean loss of one task's logits (n, o) of examples that have a label.

    Parameters
    ----------
    task : Task
    logits : Tensor of shape (n, o)
    truth : Tensor
        Class indices (n,), labels (n, k), or standardised numbers (n,).
    smoothing : float
        Share of a class's truth that is spread over all classes.
    """
    if task.kind == "classes":
        return cross_entropy(logits, truth, label_smoothing=smoothing)
    if task.kind == "multi-label":
        return binary_cross_entropy_with_logits(logits, truth)
    if task.kind == "numbers":
        return (logits[:, 0] - truth).square().mean()
    at_most = torch.sigmoid(logits)
    bounds = torch.cat([torch.zeros_like(at_most[:, :1]), at_most, torch.ones_like(at_most[:, :1])], dim=1)
    of_truth = (bounds[:, 1:] - bounds[:, :-1]).gather(1, truth[:, None])
    return -of_truth.clamp_min(1e-7).log().mean()


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
