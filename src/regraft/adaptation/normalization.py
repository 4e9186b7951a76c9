"""The normalisation layers of a network: their statistics over many batches, and what they scale and shift by."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import nn

from regraft.backbones.stages import batch_norms

Moments = list[tuple[torch.Tensor, torch.Tensor]]
"""Mean and variance (c,) of each layer."""


class Statistics:
    """Mean and variance of what enters each batch normalisation, over all batches run within its context.

    Within it each layer normalises by what it has seen so far, mixed with what it had, so that the layers above see
    what they will see in the end.

    Parameters
    ----------
    network : torch.nn.Module
        Set to evaluation mode; has the new statistics when the context ends.
    weight : float
        Of what is seen, from 0 to 1; the rest is what the layers had.
    like : list of (Tensor of shape (c,), Tensor of shape (c,)), optional
        What was `seen` of other examples, for which the layers are right as they are: what is seen now is to come out
        of each layer with the mean and the variance with which those do. By default, what was seen is taken to be what
        the layers have, and each layer gets what it sees.
    """

    def __init__(self, network: nn.Module, weight: float = 1.0, like: Moments | None = None) -> None:
        self.network, self.weight, self.like = network, weight, like
        self.norms: list[Any] = [norm for norm in batch_norms(network) if norm.running_mean is not None]
        self._seen: dict[int, tuple[int, torch.Tensor, torch.Tensor]] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> Self:
        self.network.eval()
        self._seen = {}
        had = [(mean.double(), variance.double()) for mean, variance in self.running()]
        for position, norm in enumerate(self.norms):
            other = had[position] if self.like is None else self.like[position]
            self._hooks.append(norm.register_forward_pre_hook(self._look(position, had[position], other)))
        return self

    def __exit__(self, *_: Any) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _look(self, position: int, had: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> Any:
        def hook(norm: Any, arguments: tuple[torch.Tensor, ...]) -> None:
            self._add(position, arguments[0])
            if self._seen[position][0] < 2:
                return
            mean, variance = self._moments(position)
            ratio = (variance + norm.eps) / (other[1] + norm.eps)
            mean = mean - ratio.sqrt() * (other[0] - had[0])
            variance = ((had[1] + norm.eps) * ratio - norm.eps).clamp(min=0)
            norm.running_mean.copy_(torch.lerp(had[0], mean, self.weight))
            norm.running_var.copy_(torch.lerp(had[1], variance, self.weight))

        return hook

    def _add(self, position: int, inputs: torch.Tensor) -> None:
        n = inputs.numel() // inputs.shape[1]
        # Ten times as fast as torch.var_mean over all axes but one.
        mean, variance = (found.double() for found in torch.batch_norm_update_stats(inputs, None, None, 0.0))
        squares = n * variance
        if position in self._seen:
            # Parts are joined as Chan, Golub & LeVeque do (1983): sums of raw squares would lose digits.
            before, its_mean, its_squares = self._seen[position]
            apart = mean - its_mean
            squares = its_squares + squares + apart.square() * (before * n / (before + n))
            mean = its_mean + apart * (n / (before + n))
            n += before
        self._seen[position] = (n, mean, squares)

    def _moments(self, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        n, mean, squares = self._seen[position]
        return mean, squares / max(n - 1, 1)

    def seen(self) -> Moments:
        """Return the mean and the variance (c,) of what entered each layer when the context was entered last.

        Of a layer that nothing entered they are those that it has.
        """
        had = enumerate(self.running())
        return [self._moments(position) if position in self._seen else kept for position, kept in had]

    def running(self) -> Moments:
        """Return a copy of the mean and the variance (c,) that each layer has."""
        return [(norm.running_mean.clone(), norm.running_var.clone()) for norm in self.norms]

    def put_back(self, statistics: Moments) -> None:
        """Give the layers other means and variances."""
        with torch.no_grad():
            for norm, (mean, variance) in zip(self.norms, statistics, strict=True):
                norm.running_mean.copy_(mean)
                norm.running_var.copy_(variance)


class Standardized(nn.Module):
    """An objective on features that are measured from a fixed centre, in units of a fixed spread.

    Features of unit length are a twentieth each, those of an image network anything: a discriminator would learn from
    the former slowly, and covariances, which are squares, would be of another size for every network.

    Parameters
    ----------
    objective : torch.nn.Module
        Called with features (a, d) and (b, d), the target's logits and the progress.
    features : Tensor of shape (n, d)
        By whose mean, and one deviation for all of them, the features are measured.
    """

    def __init__(self, objective: nn.Module, features: torch.Tensor) -> None:
        super().__init__()
        self.objective = objective
        self.centre: torch.Tensor
        self.spread: torch.Tensor
        self.register_buffer("centre", features.mean(dim=0))
        self.register_buffer("spread", (features - self.centre).square().mean().sqrt().clamp(min=1e-6))

    def forward(
        self, source: torch.Tensor, target: torch.Tensor, logits: torch.Tensor, progress: float
    ) -> torch.Tensor:
        """Return the objective of features (a, d) and (b, d); logits and progress are handed on."""
        of_source, of_target = ((each - self.centre) / self.spread for each in (source, target))
        found: torch.Tensor = self.objective(of_source, of_target, logits, progress)
        return found


def affine_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return what the normalisation layers of a network scale and shift by."""
    kinds = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    norms = [module for module in network.modules() if isinstance(module, kinds)]
    return [parameter for norm in norms for parameter in norm.parameters(recurse=False)]
