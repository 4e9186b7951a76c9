"""From a name to backbones: those we vouch for, timm's, text encoders, and files of word vectors."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from regraft.backbones.preprocessing import SCALES, Pixels, Preprocessing, Resize
from regraft.backbones.registry import DEFAULTS, POOLS, SMALL, VOUCHED, Backbone
from regraft.backbones.weights import FileWeights, HubWeights, RandomWeights, UrlWeights, Weights
from regraft.errors import UsageError
from regraft.places import cache_root

AUTO = "auto"

HEARD = 160
"""Pixels of the side of a spectrogram; larger ones told spoken digits apart no better, and take longer."""

HEARD_BY = {f"tf_efficientnet_lite{level}": "blocks.3" for level in range(3)}
"""The layer that hears best.

On spoken digits with Lite0, by take and on a speaker never heard: blocks.3 averaged over thirds of time 0.977 and
0.747, over all of time 0.977 and 0.673; blocks.4 over thirds 0.980 and 0.713; the last layer averaged 0.85 and 0.32.
"""


def get_backbones(
    names: str | None = None,
    *,
    modality: str = "image",
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
) -> tuple[Backbone, ...]:
    """Return the backbones of a name, or of several names joined by "+".

    Parameters
    ----------
    names : str, optional
        Of images and recordings: a name of `VOUCHED` or of timm. Of texts: the encoder that comes with the extra
        `text`, a folder or a hub's name of another, or a file of word vectors. Or several joined by "+".
    modality : {"image", "text", "audio"}
        What they are to read.
    weights : path or "none", optional
        A local file (.safetensors, .pth), or "none" for random weights; default: the backbone's own.
    image_size : int, optional
        Input size in pixels where it is to differ from the weights' own.
    resize : {"crop", "stretch"}, optional
        How an image becomes a square; default: as the weights expect.
    pool : {"auto", "avg", "max", "time", "thirds", "first", "none", "scores"}
        How the last feature map becomes a vector; "scores" takes the source task's own class scores instead.
    layer : str, optional
        The stage whose output is taken, such as "blocks.3"; "auto" is the modality's usual one.
    pixels : {"weights", "0..1", "-1..1"}
        How pixels are scaled; "weights": as they expect.

    Raises
    ------
    UsageError
        If a name is unknown, one weights file is given for several backbones, or an option means nothing for them.
    """
    names = names or DEFAULTS[modality]
    parts = [part.strip() for part in names.split("+")]
    if len(set(parts)) < len(parts):
        raise UsageError(f"--backbone must name each network once, but {names!r} repeats one; leave it out.")
    if weights not in (None, "none") and len(parts) > 1:
        raise UsageError(
            f"--weights FILE belongs to one backbone, but {names!r} names {len(parts)}; "
            "name one with --backbone, or leave --weights out."
        )
    if pool != AUTO and pool not in POOLS:
        raise UsageError(f"--pool must be auto, {', '.join(POOLS[:-1])} or {POOLS[-1]}, not {pool!r}.")
    if pixels not in get_args(Pixels):
        raise UsageError(f"--pixels must be weights, 0..1 or -1..1, not {pixels!r}.")
    if resize not in (None, "crop", "stretch"):
        raise UsageError(f"--resize must be crop or stretch, not {resize!r}.")
    if image_size is not None and not 32 <= image_size <= 2048:
        raise UsageError(f"--image-size must be from 32 to 2048 pixels, not {image_size}.")
    if modality == "text":
        asked = {"image_size": image_size, "resize": resize, "pixels": None if pixels == "weights" else pixels}
        _refuse_for_texts(asked)
        return tuple(_of_texts(part, weights, pool, layer) for part in parts)
    if pool == "first":
        raise UsageError("--pool first is for texts, whose first piece sums them up; take avg, max, time or thirds.")
    found = [_one(part) for part in parts]
    changes: dict[str, Any] = {"size": image_size, "resize": resize}
    if pixels != "weights":
        changes["mean"], changes["std"] = SCALES[pixels]
    if modality == "audio":
        changes["size"] = image_size or HEARD
        changes["resize"] = resize or "stretch"  # its edges are the lowest and the highest pitch, beginning and end
        found = [_listening(backbone, pool, layer) for backbone in found]
    adapted = tuple(_adapted(backbone, weights, changes, pool, layer) for backbone in found)
    if layer not in (None, AUTO):
        for backbone in adapted:
            _check_layer(backbone)
    return adapted


def _listening(backbone: Backbone, pool: str, layer: str | None) -> Backbone:
    """Return an image backbone that reads recordings, as pictures of their sound."""
    from regraft.backbones.spectrogram import Spectrogram

    heard = replace(backbone, modality="audio", sound=Spectrogram())
    if pool != AUTO or layer not in (None, AUTO) or backbone.architecture in SMALL:
        return heard
    usual = HEARD_BY.get(backbone.architecture)
    if usual is None:
        from regraft.backbones.vision import middle_stage

        usual = middle_stage(backbone.architecture)
    return replace(heard, layer=usual, pool="thirds")


def _of_texts(name: str, weights: str | Path | None, pool: str, layer: str | None) -> Backbone:
    from regraft.backbones.encoders import find_encoder
    from regraft.backbones.word_vectors import find_vectors

    file = Path(name).expanduser()
    if file.is_file():
        _refuse_for_vectors({"weights": weights, "pool": None if pool == AUTO else pool, "layer": layer})
        return find_vectors(file, cache_root() / "vectors")
    return find_encoder(name, weights, None if pool == AUTO else pool, None if layer == AUTO else layer)  # type: ignore[arg-type]


def _refuse_for_texts(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"--{name.replace('_', '-')} is for images, but the data are texts; leave it out.")


def _refuse_for_vectors(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"--{name} is for networks, but word vectors are averaged as they are; leave it out.")


def _check_layer(backbone: Backbone) -> None:
    """Raise UsageError unless the network has the stage that is named."""
    if backbone.layer is not None:
        from regraft.backbones.vision import check_layer

        check_layer(backbone)


def _adapted(
    backbone: Backbone,
    weights: str | Path | None,
    preprocessing: dict[str, Any],
    pool: str,
    layer: str | None,
) -> Backbone:
    asked = {name: value for name, value in preprocessing.items() if value is not None}
    changes: dict[str, Any] = {"preprocessing": replace(backbone.preprocessing, **asked)}
    if pool != AUTO:
        changes["pool"] = pool
    if layer not in (None, AUTO):
        changes["layer"] = layer
    if weights == "none":
        changes["weights"] = RandomWeights()
    elif weights is not None:
        changes["weights"] = FileWeights(Path(weights))
    return replace(backbone, **changes)


def _one(name: str) -> Backbone:
    for backbone in VOUCHED:
        if name in (backbone.name, backbone.architecture):
            return backbone
    return _from_timm(name)


def _from_timm(name: str) -> Backbone:
    import timm

    architecture = name.split(".")[0]
    if not timm.is_model(architecture):
        known = [backbone.name for backbone in VOUCHED]
        near = difflib.get_close_matches(name, known + timm.list_models(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"--backbone must be one of {', '.join(known)} or any name of timm, not {name!r}.{hint} "
            "`regraft backbones` shows them."
        )
    import torch

    from regraft.backbones.vision import feature_dim

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:
        config = None
    if config is None:
        tags = timm.list_pretrained(f"{architecture}.*")
        raise UsageError(f"timm has no weights {name!r}; it has {', '.join(tags) or 'none for this network'}.")
    with torch.device("meta"):
        network = timm.create_model(architecture, pretrained=False)
    size = config.input_size[-1]
    weights: Weights
    if config.hf_hub_id:
        tag = f".{config.tag}" if config.tag else ""
        repository = config.hf_hub_id if config.hf_hub_id != "timm/" else f"timm/{architecture}{tag}"
        weights = HubWeights(repository, licence=config.license or "not stated", file=config.hf_hub_filename)
    elif config.url:
        weights = UrlWeights(str(config.url), licence=config.license or "not stated")
    else:
        weights = RandomWeights(missing=True)
    crop = min(config.crop_pct, 1.0)  # some of timm's exceed 1: a black frame around the image
    pixels = Preprocessing(size, _triple(config.mean), _triple(config.std), crop, config.interpolation)
    return Backbone(
        name,
        name,
        feature_dim=feature_dim(network),
        preprocessing=pixels,
        weights=weights,
        parameters=round(sum(p.numel() for p in network.parameters()) / 1e6, 2),
    )


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)
