"""Minimum class confusion: the target's examples are to be named without hesitating between two classes."""

from __future__ import annotations

import torch
from torch import nn

TEMPERATURE = 2.5
"""What logits are divided by, since a network is surer than it should be; the paper's."""


def class_confusion(logits: torch.Tensor, temperature: float = TEMPERATURE) -> torch.Tensor:
    """Return how much the classes are confused in the predictions of a batch: 0 where each of them is certain.

    Parameters
    ----------
    logits : Tensor of shape (n, k)
    temperature : float

    References
    ----------
    Jin et al., Minimum Class Confusion for Versatile Domain Adaptation, 2020.
    """
    n, k = logits.shape
    log_p = (logits / temperature).log_softmax(dim=1)
    p = log_p.exp()
    # The surer a prediction, the more it says of what is confused with what; it says so as it is, and is not changed.
    certainty = 1 + torch.exp((p * log_p).sum(dim=1).detach())
    weights = n * certainty / certainty.sum()
    confusion = (p * weights[:, None]).T @ p
    # A class that nothing is named is confused with nothing.
    confusion = confusion / confusion.sum(dim=1, keepdim=True).clamp(min=torch.finfo(p.dtype).tiny)
    return (confusion.sum() - confusion.trace()) / k


class ClassConfusion(nn.Module):
    """How much the classes are confused on the target.

    Parameters
    ----------
    temperature : float

    References
    ----------
    Jin et al., Minimum Class Confusion for Versatile Domain Adaptation, 2020.
    """

    def __init__(self, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(
        self, source: torch.Tensor, target: torch.Tensor, logits: torch.Tensor, progress: float
    ) -> torch.Tensor:
        """Return the loss of the target's logits (b, k); features and progress are not looked at."""
        return class_confusion(logits, self.temperature)
