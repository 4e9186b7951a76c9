"""Batch normalisation by the statistics of a batch that several processes share."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import batch_norm
from torch.overrides import TorchFunctionMode

from regraft.finetuning.processes import Processes


class Synchronized(TorchFunctionMode):
    """While it is entered, what is batch-normalised in training mode is so by the mean and variance of all processes.

    torch's own SyncBatchNorm takes the place of each layer, of which it knows torch's kinds alone, and needs GPUs.

    Parameters
    ----------
    processes : Processes
    counts : bool
        Whether this process's examples count; else it has only been lent one, so that it has something to compute.
    """

    def __init__(self, processes: Processes, counts: bool) -> None:
        super().__init__()
        self.processes, self.counts = processes, counts

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Take the place of `batch_norm`, and leave everything else as it is."""
        if func is batch_norm:
            return self._batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        inputs: torch.Tensor,
        running_mean: torch.Tensor | None,
        running_var: torch.Tensor | None,
        weight: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> torch.Tensor:
        if not training:
            return batch_norm(inputs, running_mean, running_var, weight, bias, False, momentum, eps)
        axes = [0, *range(2, inputs.ndim)]
        shape = [1, -1, *[1] * (inputs.ndim - 2)]
        values = inputs.float()
        share = float(self.counts)
        n = self.processes.total(torch.tensor(share * inputs.numel() / inputs.shape[1], device=inputs.device))
        mean = _Total.apply(share * values.sum(axes), self.processes) / n
        centred = values - mean.view(shape)
        variance = _Total.apply(share * centred.square().sum(axes), self.processes) / n
        with torch.no_grad():
            if running_mean is not None and running_var is not None:
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
                running_var.lerp_((variance * n / (n - 1).clamp_min(1)).to(running_var.dtype), momentum)
        found = centred * (variance + eps).rsqrt().view(shape)
        if weight is not None:
            found = found * weight.view(shape)
        if bias is not None:
            found = found + bias.view(shape)
        return found.to(inputs.dtype)


class _Total(torch.autograd.Function):
    """The sum over all processes; what it is worth to each of them is summed on the way back."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, processes: Processes) -> torch.Tensor:
        ctx.processes = processes
        return processes.total(values)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.processes.total(gradient.contiguous()), None
