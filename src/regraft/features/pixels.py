"""From one example's bytes to the pixels that each of several networks must see of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.images import decode

Pixels = dict[int, list[np.ndarray]]
"""By the network's number: one square an image; of a recording, one for each of its windows."""


def pixels_of(
    raw: bytes | np.ndarray, backbones: Mapping[int, Backbone], modality: str
) -> tuple[Pixels, np.ndarray | None]:
    """Return the pixels for some networks, and the picture that they are from; None where no network asks.

    They are what each network alone would have seen, decoded once where possible.

    Parameters
    ----------
    raw : bytes or array
        As `read_bytes` gives it.
    backbones : dict of int to Backbone
        By their numbers.
    modality : {"image", "audio"}

    Raises
    ------
    Unreadable
        With the reason, in a few words.
    """
    return _heard(raw, backbones) if modality == "audio" else _decoded(raw, backbones)


def _heard(raw: bytes | np.ndarray, backbones: Mapping[int, Backbone]) -> tuple[Pixels, np.ndarray | None]:
    """Return the pixels of a recording's windows for some networks, and the picture of its first window."""
    pixels: Pixels = {}
    first: np.ndarray | None = None
    made: dict[Any, list[np.ndarray]] = {}
    for number, backbone in backbones.items():
        assert backbone.sound is not None
        if backbone.sound not in made:
            made[backbone.sound] = list(backbone.sound.listen(raw))
        pixels[number] = [backbone.preprocessing.apply(picture) for picture in made[backbone.sound]]
        first = made[backbone.sound][0] if first is None else first
    return pixels, first


def _decoded(raw: bytes | np.ndarray, backbones: Mapping[int, Backbone]) -> tuple[Pixels, np.ndarray | None]:
    """Return the pixels of an image for some networks, and the image, if any is decoded."""
    pixels: Pixels = {}
    image: np.ndarray | None = None
    for number in sorted(backbones, key=lambda n: -backbones[n].preprocessing.short_side):
        wanted = backbones[number].preprocessing
        # For a smaller input the decoder may take a coarser scale of a JPEG, which are other pixels.
        coarser = image is not None and _is_jpeg(raw) and min(image.shape[:2]) // 2 >= wanted.short_side
        if image is None or coarser:
            image = decode(raw, wanted.short_side)
        pixels[number] = [wanted.apply(image)]
    return pixels, image


def _is_jpeg(raw: bytes | np.ndarray) -> bool:
    return isinstance(raw, bytes) and raw.startswith(b"\xff\xd8")
