"""Tasks that learn slowly count more: the gradients that they send into the shared layer are balanced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from regraft.multitask.weighting.base import Weighting

ALPHA = 1.5
"""How strongly a task that lags is helped; what the paper uses where tasks differ."""

RATE = 0.025
"""Step of the weights."""

SMALLEST = 0.05
"""Of a weight: none is shut off."""


class GradNorm(Weighting):
    """Weights whose gradients in the shared layer are of like size, and larger where a task's loss has fallen less.

    A task's loss is told in units of what it is for one who sees no example, which does not depend on how heads begin.
    Where nothing shared is trained, the weights stay as they are.

    References
    ----------
    Chen et al., GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks, 2018.
    """

    factors: torch.Tensor

    def __init__(self, kinds: Sequence[str], usual: Sequence[float]) -> None:
        super().__init__(kinds, usual)
        self.register_buffer("factors", torch.ones(len(kinds)))

    def combine(self, losses: Mapping[int, torch.Tensor], shared: torch.Tensor | None) -> torch.Tensor:
        """Return the weighted sum; while training, then move the weights."""
        tasks = list(losses)
        total = (self.factors[tasks].detach().clone() * torch.stack([losses[task] for task in tasks])).sum()
        if self.training and shared is not None and shared.requires_grad and len(tasks) > 1:
            self._move(losses, shared)
        return total

    def _move(self, losses: Mapping[int, torch.Tensor], shared: torch.Tensor) -> None:
        tasks = list(losses)
        norms = torch.stack(
            [torch.autograd.grad(losses[task], shared, retain_graph=True)[0].float().norm() for task in tasks]
        )
        left = torch.stack([losses[task].detach().float() / self.usual[task] for task in tasks])
        behind = left / left.mean().clamp_min(1e-12)
        sizes = self.factors[tasks] * norms
        wanted = sizes.mean() * behind**ALPHA
        # The gradient of |size - wanted|, with the wanted sizes held fixed; told in their mean, the step has no unit.
        slope = torch.sign(sizes - wanted) * norms / norms.mean().clamp_min(1e-12)
        self.factors[tasks] = (self.factors[tasks] - RATE * slope).clamp_min(SMALLEST)
        self.factors *= len(self.factors) / self.factors.sum()

    def weights(self) -> list[float]:
        """Return the weights, which add up to the number of tasks."""
        return [float(value) for value in self.factors]
