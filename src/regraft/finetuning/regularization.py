"""What holds a network near its pretrained start while it is trained: L2-SP and DELTA."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.hooks import RemovableHandle

from regraft.finetuning.network import TrainedNetwork

HEAD_STRENGTH = 0.01
"""Of the penalty on the new head, which has no start to stay near; both papers fix it at this."""

MAPS = 4
"""Most stages whose feature maps DELTA compares."""

SOFTNESS = 5.0
"""Temperature of DELTA's attention, in standard deviations over the channels, as in its authors' program."""


class L2SP:
    """The squared distance of the transferred weights to their start, and the squared length of the new head's.

    Parameters
    ----------
    network : TrainedNetwork
        At its pretrained start.
    strength : float
        Of the distance; the head's is `HEAD_STRENGTH`.

    References
    ----------
    Li, Grandvalet & Davoine, Explicit inductive bias for transfer learning with convolutional networks, 2018.
    """

    def __init__(self, network: TrainedNetwork, strength: float) -> None:
        self.strength = strength
        self._head = network.head
        self._transferred = [p for name in network.trained for p in network.stage(name).parameters()]
        self._start = [parameter.detach().clone() for parameter in self._transferred]

    def to(self, device: torch.device) -> None:
        """Bring the start to where the network is trained."""
        self._start = [start.to(device) for start in self._start]

    def penalty(self) -> torch.Tensor:
        """Return what to add to the loss: strength / 2 |w - w0|^2 + `HEAD_STRENGTH` / 2 |head|^2."""
        total = _head_penalty(self._head)
        for parameter, start in zip(self._transferred, self._start, strict=True):
            total = total + self.strength / 2 * (parameter - start).pow(2).sum()
        return total


class Delta:
    """The distance of the trained stages' feature maps to those of the start, where it matters to the new task.

    Each channel counts as much as the loss grows when it is removed from the start: a softmax over channels of the
    standardised growth. The paper removes the channels one by one; here the growth is estimated at first order
    (minus gradient times activation, summed over places and images), which is one backward pass for all of them.
    It says something only once the head has learned something: begin from a probe's.

    Parameters
    ----------
    network : TrainedNetwork
        At its pretrained start. Its forward passes with gradients are watched until `close`.
    strength : float
        Of the distance; the head's is `HEAD_STRENGTH`.
    inputs : tensor of shape (b, ...)
        What enters the network for some training images.
    targets : int tensor of shape (b,)
        Their classes.

    Notes
    -----
    Compared are the outputs of the topmost trained stages, `MAPS` at most. Maps of any size count alike: squared
    differences are averaged over places and images, and a channel's weight is 1 on average.

    References
    ----------
    Li et al., DELTA: deep learning transfer using feature map with attention for convolutional networks, 2019.
    """

    def __init__(self, network: TrainedNetwork, strength: float, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.strength = strength
        self._head = network.head
        self._channels_last = getattr(getattr(network.body, "network", None), "output_fmt", "NCHW") == "NHWC"
        # Copied before anything is hooked on, so that the copy carries no hooks that write here.
        self._teacher = copy.deepcopy(network).eval().requires_grad_(True)
        self._attention = self._find_attention(inputs, targets)
        self._teacher.requires_grad_(False)
        self._live: dict[str, torch.Tensor] = {}
        self._hooks = [_record(network.stage(name), name, self._live) for name in self._attention]

    def to(self, device: torch.device) -> None:
        """Bring the start to where the network is trained."""
        self._teacher.to(device)
        self._attention = {name: weights.to(device) for name, weights in self._attention.items()}

    def penalty(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what to add to the loss, after the network has seen these inputs (n, ...) with gradients."""
        total = _head_penalty(self._head)
        fixed = self._start_maps(inputs)
        for name, attention in self._attention.items():
            difference = self._by_channel(self._live.pop(name)) - self._by_channel(fixed[name])
            total = total + self.strength / 2 * (attention * difference.pow(2).mean((0, 2))).sum()
        return total

    def close(self) -> None:
        """Stop watching the network."""
        for hook in self._hooks:
            hook.remove()
        self._live.clear()

    def __deepcopy__(self, memo: dict[int, object]) -> Delta:
        # Weight averaging copies the whole training, but that copy has no training steps; one start does for both.
        return self

    def _find_attention(self, inputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the weight (c,) of each channel of the stages that are compared."""
        if not self._teacher.trained:
            return {}
        with torch.enable_grad(), self._watched(self._teacher.trained) as maps:
            loss = cross_entropy(self._teacher(inputs), targets)
        names = list(maps)[-MAPS:]
        gradients = torch.autograd.grad(loss, [maps[name] for name in names], materialize_grads=True)
        attention = {}
        for name, gradient in zip(names, gradients, strict=True):
            growth = -(self._by_channel(gradient) * self._by_channel(maps[name].detach())).sum((0, 2))
            standard = (growth - growth.mean()) / growth.std(correction=0).clamp_min(torch.finfo(growth.dtype).tiny)
            attention[name] = len(growth) * (standard / SOFTNESS).softmax(0)
        return attention

    def _start_maps(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        if not self._attention:
            return {}
        with torch.no_grad(), self._watched(tuple(self._attention)) as maps:
            self._teacher.features(inputs)
        return maps

    @contextmanager
    def _watched(self, names: Sequence[str]) -> Iterator[dict[str, torch.Tensor]]:
        """Yield what the start's stages give while it runs, by name, in the order in which they run."""
        maps: dict[str, torch.Tensor] = {}
        hooks = [_record(self._teacher.stage(name), name, maps, always=True) for name in names]
        try:
            yield maps
        finally:
            for hook in hooks:
                hook.remove()

    def _by_channel(self, values: torch.Tensor) -> torch.Tensor:
        """Return a stage's output as (n, c, places) in float32.

        Tokens (n, t, c) have their channels last. Feature maps are square, which tells (n, c, s, s) from (n, s, s, c)
        but where all three are equal; there the network's own word counts.
        """
        square_first = values.ndim == 4 and values.shape[1] == values.shape[2]
        if values.ndim == 3 or (square_first and (self._channels_last or values.shape[3] != values.shape[2])):
            values = values.movedim(-1, 1)
        return values.float().flatten(2) if values.ndim > 2 else values.float().unsqueeze(2)


def _head_penalty(head: nn.Module) -> torch.Tensor:
    return HEAD_STRENGTH / 2 * torch.stack([parameter.pow(2).sum() for parameter in head.parameters()]).sum()


def _record(stage: nn.Module, name: str, maps: dict[str, torch.Tensor], always: bool = False) -> RemovableHandle:
    """Note a stage's output under its name whenever it runs; unless `always`, only where gradients are kept."""

    def note(module: nn.Module, _: object, output: object) -> None:
        # A copy of the network, as weight averaging makes one, keeps this hook, but is another module.
        if module is stage and isinstance(output, torch.Tensor) and (always or torch.is_grad_enabled()):
            maps.pop(name, None)
            maps[name] = output

    return stage.register_forward_hook(note)
