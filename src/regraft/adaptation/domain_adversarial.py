"""Domain confusion: features are learnt from which a discriminator cannot tell the source from the target."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits


class _Reversed(torch.autograd.Function):
    """The identity, whose gradient is turned round."""

    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(features: torch.Tensor, strength: float) -> torch.Tensor:
    """Return features (n, d) as they are; the gradient that comes back through them is times -strength."""
    found: torch.Tensor = _Reversed.apply(features, strength)
    return found


def reversal_strength(progress: float) -> float:
    """Return how strongly the gradient is turned round at a point of the training (0 to 1), from 0 to nearly 1.

    References
    ----------
    Ganin et al., Domain-Adversarial Training of Neural Networks, 2016 (section 5.2.2, gamma = 10).
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


class DomainConfusion(nn.Module):
    """How well a discriminator tells the domains apart, which the features are to make hard.

    Parameters
    ----------
    d : int
        Length of the features.
    units : int
        Width of the discriminator's hidden layer.

    References
    ----------
    Ganin et al., Domain-Adversarial Training of Neural Networks, 2016.
    """

    def __init__(self, d: int, units: int = 256) -> None:
        super().__init__()
        self.discriminator = nn.Sequential(nn.Linear(d, units), nn.ReLU(), nn.Linear(units, 1))

    def forward(
        self, source: torch.Tensor, target: torch.Tensor, logits: torch.Tensor, progress: float
    ) -> torch.Tensor:
        """Return the discriminator's cross-entropy; its gradient trains the discriminator and confuses the features.

        Parameters
        ----------
        source, target : Tensor of shape (a, d) and (b, d)
            Features.
        logits : Tensor of shape (b, k)
            Of the target; not looked at.
        progress : float
            Of the training, from 0 to 1.
        """
        strength = reversal_strength(progress)
        # The domains count alike, however many examples each has in the batch.
        of_source = self.discriminator(reverse_gradient(source, strength))
        of_target = self.discriminator(reverse_gradient(target, strength))
        ones, zeros = torch.ones_like(of_source), torch.zeros_like(of_target)
        losses = binary_cross_entropy_with_logits(of_source, ones), binary_cross_entropy_with_logits(of_target, zeros)
        return (losses[0] + losses[1]) / 2
