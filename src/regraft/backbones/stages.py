"""A network as a chain of stages, so that it can be frozen below one of them, or cut there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

_AFTER_THE_CHAIN = ("global_pool", "head_drop", "fc_norm", "head", "pre_logits")


class CannotCut(Exception):
    """A network is no simple chain, so its lower part cannot be run by itself."""


def chain(network: nn.Module) -> dict[str, nn.Module]:
    """Return a network's parts by name, from the pixels up: those of its top level, sequences of blocks one by one.

    What comes after the last feature map (pooling, the source task's classifier) is no part of it.
    """
    given = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    classifiers = {given} if isinstance(given, str) else set(given)
    parts: dict[str, nn.Module] = {}
    for name, part in network.named_children():
        if name in _AFTER_THE_CHAIN or name in {c.split(".")[0] for c in classifiers}:
            continue
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(part) > 1:
            parts.update({f"{name}.{child}": block for child, block in part.named_children()})
        else:
            parts[name] = part
    return parts


def stages(network: nn.Module) -> tuple[str, ...]:
    """Return the names of the parts that have something to learn, from the pixels up."""
    return tuple(name for name, part in chain(network).items() if any(True for _ in part.parameters()))


def keep_below(network: nn.Module, stage: str) -> nn.Module:
    """Make `forward_features` end at what enters a stage, and return the network."""
    names = list(chain(network))
    return _without(network, names[names.index(stage) :])


def keep_from(network: nn.Module, stage: str) -> nn.Module:
    """Make `forward_features` begin with what enters a stage, and return the network."""
    names = list(chain(network))
    if hasattr(network, "_pos_embed"):
        # Vision transformers add the positions between two parts; below the cut they have been added.
        object.__setattr__(network, "_pos_embed", nn.Identity())
    return _without(network, names[: names.index(stage)])


def keep_through(network: nn.Module, stage: str) -> nn.Module:
    """Make `forward_features` end at what a stage puts out, and return the network."""
    names = list(chain(network))
    return _without(network, names[names.index(stage) + 1 :])


def _without(network: nn.Module, names: list[str]) -> nn.Module:
    for name in names:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, nn.Identity())
    return network


def check_cut(whole: nn.Module, below: nn.Module, above: nn.Module, size: int) -> torch.Size:
    """Return the shape (c, h, w) of what passes the cut, once the two parts have shown to make the whole.

    Raises
    ------
    CannotCut
        If they do not: the network is no simple chain at that stage.
    """
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            passed: Any = below.forward_features(images)  # type: ignore[operator]
            # Some networks have stages after their last feature map: a cut there must show as one that fails.
            found = _vector(above, above.forward_features(passed))  # type: ignore[operator]
            expected = _vector(whole, whole.forward_features(images))  # type: ignore[operator]
            same = torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    except Exception as error:  # a chain broken in two fails in as many ways as there are networks
        raise CannotCut(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if not same:
        raise CannotCut("the two parts do not make the whole")
    return passed.shape[1:]


def _vector(network: Any, features: torch.Tensor) -> torch.Tensor:
    return network.forward_head(features, pre_logits=True)


def batch_norms(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the batch normalisations of a network."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            yield part
