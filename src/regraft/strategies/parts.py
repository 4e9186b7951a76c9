"""What a training leaves: a backbone with weights of its own, and a head's tensors."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.encoders import TextBackbone
from regraft.backbones.registry import Backbone
from regraft.backbones.weights import HeldWeights
from regraft.persistence import packed

if TYPE_CHECKING:
    from regraft.finetuning.network import TrainedNetwork


def trained_parts(
    backbone: Backbone, network: TrainedNetwork, scale: float, *, scratch: bool = False
) -> tuple[Backbone, str, dict[str, np.ndarray], dict[str, Any]]:
    """Return the trained backbone, the head's name, its tensors and its settings.

    Parameters
    ----------
    backbone : Backbone
        As it was before.
    network : TrainedNetwork
    scale : float
        Inverse temperature of the logits.
    scratch : bool
        Whether it began with random weights.
    """
    from regraft.finetuning.head import head_state

    name, tensors, settings = head_state(network.head, scale)
    if network.body is None:
        return backbone, name, tensors, settings
    # A text encoder without the files that say what its pieces mean would be of no use.
    beside = backbone.carried() if isinstance(backbone, TextBackbone) else {}
    content = packed(network.backbone_state(backbone.build()) | beside)
    weights = backbone.weights
    source = "trained here from random weights" if scratch else f"{weights.source}, fine-tuned here"
    held = HeldWeights(hashlib.sha256(content).hexdigest(), lambda: content, source, weights.licence, random=False)
    if isinstance(backbone, TextBackbone):
        return replace(backbone, weights=held, folder=None), name, tensors, settings
    return replace(backbone, weights=held), name, tensors, settings
