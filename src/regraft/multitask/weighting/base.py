"""What a way to weigh losses is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import nn


class Weighting(nn.Module):
    """Weighs the losses of some tasks; a batch may lack labels of any of them.

    Parameters
    ----------
    kinds : sequence of str
        Each task's kind.
    usual : sequence of float
        Each task's loss for one who knows the labels' shares and sees no example.
    """

    def __init__(self, kinds: Sequence[str], usual: Sequence[float]) -> None:
        super().__init__()
        self.kinds, self.usual = tuple(kinds), tuple(usual)

    @abstractmethod
    def combine(self, losses: Mapping[int, torch.Tensor], shared: torch.Tensor | None) -> torch.Tensor:
        """Return one loss of the losses of those tasks, by position, that have labels in this batch.

        Parameters
        ----------
        losses : mapping of int to scalar Tensor
        shared : Tensor or None
            The weights of the last layer that all tasks share; None where nothing shared is trained.
        """

    @abstractmethod
    def weights(self) -> list[float]:
        """Return what each task's loss counts now."""
