"""Deep CORAL: features are learnt that vary together in the same way in both domains."""

from __future__ import annotations

import torch
from torch import nn


def covariance(features: torch.Tensor) -> torch.Tensor:
    """Return the covariance (d, d) of features (n, d), n >= 2."""
    centred = features - features.mean(dim=0)
    return centred.T @ centred / (len(features) - 1)


def coral_loss(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the squared Frobenius distance of the covariances of features (a, d) and (b, d), over 4 d^2.

    Where there is one example only there is no covariance, and the distance is 0.

    References
    ----------
    Sun & Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation, 2016.
    """
    if min(len(source), len(target)) < 2:
        return source.sum() * 0
    d = source.shape[1]
    return (covariance(source) - covariance(target)).square().sum() / (4 * d * d)


class CovarianceDistance(nn.Module):
    """How differently the features vary in the two domains.

    References
    ----------
    Sun & Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation, 2016.
    """

    def forward(
        self, source: torch.Tensor, target: torch.Tensor, logits: torch.Tensor, progress: float
    ) -> torch.Tensor:
        """Return the loss of features (a, d) and (b, d); logits and progress are not looked at."""
        return coral_loss(source, target)
