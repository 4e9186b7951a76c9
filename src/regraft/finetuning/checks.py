"""Can a network be trained in the way that is asked for? Found out before any work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regraft.backbones.stage_names import ALL, HEAD
from regraft.errors import UsageError
from regraft.finetuning.settings import Training

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone
    from regraft.finetuning.network import Body

WORD_VECTORS = "word-vectors"

FOR_PICTURES = {
    "text": ("augment", "flips", "mix", "views"),
    "audio": ("flips",),
}
"""The settings that mean nothing for other modalities than images."""


def check_trainable(backbone: Backbone, training: Training) -> None:
    """Raise UsageError unless a network can be trained as asked for.

    Parameters
    ----------
    backbone : Backbone
    training : Training

    Raises
    ------
    UsageError
        If the backbone has nothing to train, a setting means nothing for what it reads, it has no such stage, or no
        linear layers for adapters.
    """
    if backbone.architecture == WORD_VECTORS:
        raise UsageError(
            f"A network must be there to be trained, but {backbone.name} is a table of word vectors; use --strategy "
            "probe, or another --backbone."
        )
    _check_settings(backbone.modality, training)
    if training.unfreeze in (None, HEAD, ALL) and not training.lora:
        return
    from regraft.finetuning.adapters import linear_layers
    from regraft.finetuning.network import stages_of, trained_stages

    body = _outline(backbone)
    trained = trained_stages(body, training.unfreeze or ALL)
    parts = [stages_of(body)[name] for name in trained]
    paths = [path for path, module in body.network.named_modules() if any(module is part for part in parts)]
    if training.lora and not linear_layers(body.network, paths):
        raise UsageError(
            f"--lora must have linear layers to adapt, but {backbone.name} has none; choose a backbone with linear "
            "layers, such as convnext_tiny or a vision transformer, or leave --lora out."
        )


def _check_settings(modality: str, training: Training) -> None:
    given = training.given()
    for name in FOR_PICTURES.get(modality, ()):
        if name in given and given[name] not in ("none", "off"):
            what = "texts" if modality == "text" else "recordings, which mean nothing backwards"
            raise UsageError(f"--{name} is for images, but the data are {what}; leave it out.")
    if modality == "audio" and isinstance(training.augment, str):
        from regraft.finetuning.sound_augmentation import sound_preset

        sound_preset(training.augment)


def _outline(backbone: Backbone) -> Body:
    """Return a network whose shape alone counts; weights are not needed where they can be left out."""
    from regraft.finetuning.network import build_body

    if backbone.modality == "text":
        return build_body(backbone)
    import torch

    from regraft.backbones.vision import FeatureNetwork, timm

    with torch.device("meta"):
        return FeatureNetwork(timm.create_model(backbone.architecture, pretrained=False), backbone)
