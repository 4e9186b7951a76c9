"""What is trained: the part of a backbone above the cut, with the new head on it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from regraft.backbones.stage_names import ALL, HEAD
from regraft.backbones.stages import (
    CannotCut,
    batch_norms,
    check_cut,
    keep_below,
    keep_from,
    stages,
)
from regraft.backbones.text_network import TextNetwork
from regraft.backbones.vision import FeatureNetwork
from regraft.errors import UsageError

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone

Body = FeatureNetwork | TextNetwork
"""A whole backbone up to its features, or the part of it above a cut."""


class TrainedNetwork(nn.Module):
    """A backbone from the cut up, and a head: what passes the cut in, logits out.

    Parameters
    ----------
    body : FeatureNetwork, TextNetwork or None
        The backbone, perhaps without its lower part; None where the head alone is trained.
    head : torch.nn.Sequential
        Maps features (n, d) to logits (n, k).
    trained : sequence of str
        The stages that may learn.
    shape : tuple of int or None
        Of what passes the cut; None where the network takes pixels, or pieces of words.
    learn_statistics : bool
        Whether batch normalisation learns its statistics anew, as training from scratch needs. Else it stays in
        evaluation mode: the few images of a small data set would spoil them.
    """

    def __init__(
        self,
        body: Body | None,
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
        return isinstance(self.body, FeatureNetwork) and self.shape is None

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
        return stages_of(self.body)[name]

    def path(self, name: str) -> str:
        """Return the name that a stage has within the body's network."""
        assert self.body is not None
        stage = self.stage(name)
        return next(path for path, module in self.body.network.named_modules() if module is stage)

    def train(self, mode: bool = True) -> TrainedNetwork:
        """Set the mode; what is fixed stays in evaluation mode, and so do batch normalisation's statistics."""
        super().train(mode)
        if mode and self.body is not None:
            for name, part in stages_of(self.body).items():
                if name not in self._learning:
                    part.eval()
            if not self.learn_statistics:
                for norm in batch_norms(self.body):
                    norm.eval()
        return self

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map what passes the cut (n, ...), pixels (n, s, s, 3) or pieces of words (n, L), to features (n, d)."""
        if self.body is None:
            return inputs
        if self.shape is None or isinstance(self.body, TextNetwork):
            return self.body(inputs)
        return self.body.vector(self.body.network.forward_features(inputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map what passes the cut (n, ...), pixels (n, s, s, 3) or pieces of words (n, L), to logits (n, k)."""
        return self.head(self.features(inputs))

    def backbone_state(self, whole: nn.Module) -> dict[str, np.ndarray]:
        """Return the state of the whole backbone, with what was trained in it."""
        state = {name: tensor.detach().numpy().copy() for name, tensor in whole.state_dict().items()}
        if self.body is not None:
            # A text encoder is kept whole, as it is built; of an image network, what timm calls its own.
            trained = self.body if isinstance(self.body, TextNetwork) else self.body.network
            for name, tensor in trained.state_dict().items():
                state[name] = tensor.detach().float().numpy().copy() if tensor.is_floating_point() else tensor.numpy()
        return state


def stages_of(body: Body) -> dict[str, nn.Module]:
    """Return the stages of a backbone by name, from its input up."""
    if isinstance(body, TextNetwork):
        return body.stages()
    return {name: body.network.get_submodule(name) for name in stages(body.network)}


def build_body(backbone: Backbone) -> Body:
    """Return the whole network of a backbone, up to its features."""
    network: Any = backbone.build()
    return network if isinstance(network, TextNetwork) else FeatureNetwork(network, backbone)


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
    body = build_body(backbone)
    trained = trained_stages(body, unfreeze)
    if unfreeze == HEAD:
        return backbone, None
    if trained == tuple(stages_of(body)):
        return None, None
    if isinstance(body, TextNetwork):
        raise CannotCut("texts are of many lengths")
    above = keep_from(_network(backbone), trained[0])
    below = keep_below(_network(backbone), trained[0])
    if backbone.layer is not None:
        # The network's own head is made for its last feature map, and no other has its shape.
        for part in (body.network, above):
            object.__setattr__(part, "forward_head", _averaged)
    shape = check_cut(body.network, below, above, backbone.preprocessing.size)
    return replace(backbone, until=trained[0]), tuple(shape)


def upper_part(backbone: Backbone, unfreeze: str, cut: bool) -> tuple[Body | None, tuple[str, ...]]:
    """Return the network that is trained, with or without what lies below the lowest trained stage, and its stages."""
    body = build_body(backbone)
    trained = trained_stages(body, unfreeze)
    if unfreeze == HEAD and cut:
        return None, ()
    if cut:
        body.network = keep_from(body.network, trained[0])
    return body, trained


def trained_stages(body: Body, unfreeze: str) -> tuple[str, ...]:
    """Return the stages from one up: all of them for "all", none for "head".

    Parameters
    ----------
    body : FeatureNetwork or TextNetwork
    unfreeze : str
        A stage, or a sequence of stages, of which the first is meant; "all" or "head".

    Raises
    ------
    UsageError
        If there is no such stage; it names those there are.
    """
    names = tuple(stages_of(body))
    if unfreeze == ALL:
        return names
    if unfreeze == HEAD:
        return ()
    first = next((n for n in names if n == unfreeze or n.startswith(f"{unfreeze}.")), None)
    if first is None:
        near = difflib.get_close_matches(unfreeze, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"--unfreeze must be {HEAD}, {ALL} or one of this network's stages ({', '.join(names)}), "
            f"not {unfreeze!r}.{hint}"
        )
    return names[names.index(first) :]


def _network(backbone: Backbone) -> nn.Module:
    network: nn.Module = build_body(backbone).network
    return network


def _averaged(features: torch.Tensor, pre_logits: bool) -> torch.Tensor:
    return features.flatten(2).mean(2)


def count(parameters: Any) -> int:
    """Return how many numbers the parameters are."""
    return sum(parameter.numel() for parameter in parameters)
