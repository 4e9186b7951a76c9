"""What is trained: the part of a backbone above the cut, with the new head on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from regraft.backbones.stage_names import HEAD
from regraft.backbones.stages import batch_norms, chain, check_cut, keep_below, keep_from, stages, stages_from
from regraft.backbones.vision import FeatureNetwork

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone


class TrainedNetwork(nn.Module):
    """A backbone from the cut up, and a head: what passes the cut in, logits out.

    Parameters
    ----------
    body : FeatureNetwork or None
        The backbone, perhaps without its lower part; None where the head alone is trained.
    head : torch.nn.Sequential
        Maps features (n, d) to logits (n, k).
    trained : sequence of str
        The stages that may learn.
    shape : tuple of int or None
        Of what passes the cut; None where the network takes pixels.
    learn_statistics : bool
        Whether batch normalisation learns its statistics anew, as training from scratch needs. Else it stays in
        evaluation mode: the few images of a small data set would spoil them.
    """

    def __init__(
        self,
        body: FeatureNetwork | None,
        head: nn.Sequential,
        trained: Sequence[str],
        shape: tuple[int, ...] | None,
        learn_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.trained = tuple(trained)
        self.shape = shape
        self.learn_statistics = learn_statistics
        self.adapters = False
        self.learn((*self.trained, HEAD))

    @property
    def takes_pixels(self) -> bool:
        """Whether it runs on images, and not on what passed a cut."""
        return self.body is not None and self.shape is None

    def learn(self, names: Sequence[str]) -> None:
        """Let these stages (and "head") learn, and fix all others; of stages with adapters, only those learn."""
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        for name in names:
            only_adapters = self.adapters and name != HEAD
            for own_name, parameter in self.stage(name).named_parameters():
                parameter.requires_grad_(not only_adapters or "lora_" in own_name)
        self._learning = set(names)

    def stage(self, name: str) -> nn.Module:
        """Return a stage by name, or the head."""
        if name == HEAD or self.body is None:
            return self.head
        return self.body.network.get_submodule(name)

    def train(self, mode: bool = True) -> TrainedNetwork:
        """Set the mode; what is fixed stays in evaluation mode, and so do batch normalisation's statistics."""
        super().train(mode)
        if mode and self.body is not None:
            for name, part in chain(self.body.network).items():
                if name in stages(self.body.network) and name not in self._learning:
                    part.eval()
            if not self.learn_statistics:
                for norm in batch_norms(self.body):
                    norm.eval()
        return self

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map what passes the cut (n, ...), or pixels (n, s, s, 3), to features (n, d)."""
        if self.body is None:
            return inputs
        if self.shape is None:
            return self.body(inputs)
        return self.body.vector(self.body.network.forward_features(inputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map what passes the cut (n, ...), or pixels (n, s, s, 3), to logits (n, k)."""
        return self.head(self.features(inputs))

    def backbone_state(self, whole: nn.Module) -> dict[str, np.ndarray]:
        """Return the state of the whole backbone, with what was trained in it."""
        state = {name: tensor.detach().numpy().copy() for name, tensor in whole.state_dict().items()}
        if self.body is not None:
            for name, tensor in self.body.network.state_dict().items():
                state[name] = tensor.detach().float().numpy().copy() if tensor.is_floating_point() else tensor.numpy()
        return state


def lower_part(backbone: Backbone, unfreeze: str) -> tuple[Backbone | None, tuple[int, ...] | None]:
    """Return the frozen part below a stage as a backbone of its own, and the shape of what passes the cut.

    Parameters
    ----------
    backbone : Backbone
    unfreeze : str
        The lowest stage that is trained; "head" for none, "all" for all.

    Returns
    -------
    Backbone or None
        None where nothing is frozen.
    tuple of int or None
        Without the axis of images; None for "head", where features (d,) pass.

    Raises
    ------
    CannotCut
        If the network is no simple chain there.
    UsageError
        If there is no such stage.
    """
    network = backbone.build()
    trained = stages_from(network, unfreeze)
    if unfreeze == HEAD:
        return backbone, None
    if trained == stages(network):
        return None, None
    below, above = keep_below(backbone.build(), trained[0]), keep_from(backbone.build(), trained[0])
    shape = check_cut(network, below, above, backbone.preprocessing.size)
    return replace(backbone, until=trained[0]), tuple(shape)


def upper_part(backbone: Backbone, unfreeze: str, cut: bool) -> tuple[FeatureNetwork | None, tuple[str, ...]]:
    """Return the network that is trained, with or without what lies below the lowest trained stage, and its stages."""
    network = backbone.build()
    trained = stages_from(network, unfreeze)
    if unfreeze == HEAD and cut:
        return None, ()
    if cut:
        network = keep_from(network, trained[0])
    return FeatureNetwork(network, backbone), trained


def count(parameters: Any) -> int:
    """Return how many numbers the parameters are."""
    return sum(parameter.numel() for parameter in parameters)
