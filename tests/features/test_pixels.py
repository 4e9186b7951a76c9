"""What each of several networks must see of one example, decoded once where possible."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.errors import Unreadable
from regraft.features import pixels as seeing
from regraft.features.pixels import pixels_of


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Return for how many pixels of the short side was decoded, each time."""
    asked: list[int | None] = []
    there = seeing.decode

    def decode(raw: Any, at_least: int | None = None) -> np.ndarray:
        asked.append(at_least)
        return there(raw, at_least)

    monkeypatch.setattr(seeing, "decode", decode)
    return asked


def jpeg(side: int) -> bytes:
    target = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(target, "JPEG")
    return target.getvalue()


def test_each_network_sees_what_it_would_alone(tiny: Callable[..., Any], decoded: list[int | None]) -> None:
    backbones = {3: tiny(32), 5: tiny(48), 7: tiny(32, "other")}
    for raw in (jpeg(60), jpeg(400)):
        found, image = pixels_of(raw, backbones, "image")
        assert found.keys() == backbones.keys() and image is not None
        for number, [square] in found.items():
            np.testing.assert_array_equal(square, backbones[number].pixels(raw))


def test_one_decoding_serves_where_the_scale_is_the_same(tiny: Callable[..., Any], decoded: list[int | None]) -> None:
    pixels_of(jpeg(60), {0: tiny(32), 1: tiny(40)}, "image")
    assert len(decoded) == 1


def test_no_network_needs_no_decoding(decoded: list[int | None]) -> None:
    assert pixels_of(b"noise", {}, "image") == ({}, None)
    assert not decoded


def test_what_cannot_be_read_is_said(tiny: Callable[..., Any]) -> None:
    with pytest.raises(Unreadable, match="not an image"):
        pixels_of(b"noise", {0: tiny()}, "image")
