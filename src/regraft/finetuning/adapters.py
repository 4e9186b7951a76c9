"""LoRA: low-rank adapters that are trained in place of the linear layers they stand beside."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from regraft.backbones.stage_names import HEAD
from regraft.errors import UsageError
from regraft.finetuning.network import TrainedNetwork, count


def add_adapters(network: TrainedNetwork, rank: int) -> int:
    """Put an adapter on every linear layer of the trained stages; from then on only adapters and the head learn.

    An adapter adds B A x to a layer's W x + b, with A (rank, in) random and B (out, rank) zero, so that the network
    gives at first what it gave before.

    Parameters
    ----------
    network : TrainedNetwork
        Changed in place.
    rank : int
        1 or more.

    Returns
    -------
    int
        How many numbers the adapters have.

    Raises
    ------
    UsageError
        If the trained stages have no linear layers, or the package peft is missing.

    References
    ----------
    Hu et al., LoRA: low-rank adaptation of large language models, 2021.
    """
    layers: list[str] = []
    if network.body is not None:
        layers = linear_layers(network.body.network, [network.path(name) for name in network.trained])
    if network.body is None or not layers:
        kind = "" if network.body is None else type(network.body.network).__name__
        what = f"stages of {kind} without them are" if kind else "the head alone is"
        raise UsageError(
            f"--lora must have linear layers in the trained stages, but {what} trained; choose a backbone that has "
            "them, such as convnext_tiny or a vision transformer, or leave --lora out."
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UsageError(
            "--lora must have the package peft, which is not installed; run `pip install 'regraft[lora]'`, "
            "or leave --lora out."
        ) from error
    # As an expression, names are matched whole; in a list, "blocks.0.fc" would match "stages.1.blocks.0.fc" as well.
    names = "|".join(map(re.escape, layers))
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=names), network.body.network)
    network.adapters = True
    network.learn((*network.trained, HEAD))
    return count(p for name, p in network.body.named_parameters() if "lora_" in name)


def merge_adapters(network: TrainedNetwork) -> None:
    """Add what adapters have learned to the weights, and take them away; the network gives what it gave."""
    if not network.adapters or network.body is None:
        return
    from peft.tuners.tuners_utils import BaseTunerLayer

    whole = network.body.network
    for name, layer in list(whole.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            parent, _, own_name = name.rpartition(".")
            setattr(whole.get_submodule(parent), own_name, layer.get_base_layer())
    del whole.peft_config
    network.adapters = False


def linear_layers(network: nn.Module, stages: Sequence[str]) -> list[str]:
    """Return the names of the linear layers of some stages of a network."""
    return [
        f"{stage}.{name}" if name else stage
        for stage in stages
        for name, layer in network.get_submodule(stage).named_modules()
        if isinstance(layer, nn.Linear)
    ]
