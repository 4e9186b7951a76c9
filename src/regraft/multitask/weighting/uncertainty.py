"""A loss counts the less, the noisier its task is found to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from regraft.multitask.weighting.base import Weighting


class Uncertainty(Weighting):
    """Each task's noise is learnt with the network: exp(-s) times the loss, and s / 2 for claiming much noise.

    References
    ----------
    Kendall, Gal & Cipolla, Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics,
    2018.
    """

    def __init__(self, kinds: Sequence[str], usual: Sequence[float]) -> None:
        super().__init__(kinds, usual)
        self.log_variances = nn.Parameter(torch.zeros(len(kinds)))

    def combine(self, losses: Mapping[int, torch.Tensor], shared: torch.Tensor | None) -> torch.Tensor:
        """Return the negative log likelihood of all tasks; a Gaussian's squared error counts by half."""
        return torch.stack(
            [
                self._factor(task) * torch.exp(-self.log_variances[task]) * loss + self.log_variances[task] / 2
                for task, loss in losses.items()
            ]
        ).sum()

    def weights(self) -> list[float]:
        """Return what each loss is multiplied by."""
        found = torch.exp(-self.log_variances.detach()).tolist()
        return [self._factor(task) * value for task, value in enumerate(found)]

    def _factor(self, task: int) -> float:
        return 0.5 if self.kinds[task] == "numbers" else 1.0
