"""All losses count alike."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from regraft.multitask.weighting.base import Weighting


class Equal(Weighting):
    """The sum of the losses.

    References
    ----------
    R. Caruana, Multitask Learning, 1997.
    """

    def combine(self, losses: Mapping[int, torch.Tensor], shared: torch.Tensor | None) -> torch.Tensor:
        """Return the sum."""
        return torch.stack([*losses.values()]).sum()

    def weights(self) -> list[float]:
        """Return ones."""
        return [1.0] * len(self.kinds)
