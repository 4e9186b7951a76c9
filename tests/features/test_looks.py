"""Looks on the way through a pass: complete, in step with the features, and kept."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from regraft.backbones.lookup import get_backbones
from regraft.data.images import decode, digest
from regraft.data.looks import thumbnail_of
from regraft.features.extraction import extract


def jpeg(seed: int, width: int = 90, height: int = 60) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((width, height)).save(file, "JPEG")
    return file.getvalue()


def test_without_networks_the_images_are_only_looked_at(tmp_path: Path) -> None:
    examples = [jpeg(0), b"no image", np.full((5, 7, 3), 200, np.uint8)]
    found = extract(examples, ["a", "b", "c"], (), looks=True, skip_unreadable=True, cache=tmp_path)
    assert found.values.shape == (2, 0)
    assert found.index.tolist() == [0, 2]
    assert [skipped.name for skipped in found.skipped] == ["b"]
    looks = found.looks
    assert looks is not None
    assert looks.digests == (digest(examples[0]), digest(examples[2]))
    assert looks.sizes.tolist() == [len(examples[0]), 0]
    assert looks.shapes.tolist() == [[60, 90], [5, 7]]
    assert np.abs(looks.thumbnails[0].astype(int) - thumbnail_of(decode(examples[0]))).mean() < 1
    assert (looks.thumbnails[1] == 200).all()


def test_looks_are_there_whether_features_are_cached_or_not(tmp_path: Path) -> None:
    examples = [jpeg(0), jpeg(1), jpeg(0)]
    names, backbones = ["a", "b", "a again"], get_backbones("tf_efficientnet_lite0")
    plain = extract(examples[:1], names[:1], backbones, cache=tmp_path)
    assert plain.looks is None
    first = extract(examples, names, backbones, looks=True, cache=tmp_path)
    second = extract(examples, names, backbones, looks=True, cache=tmp_path)
    assert (first.cache_misses, second.cache_misses) == (1, 0)
    for found in (first, second):
        assert found.looks is not None and len(found.looks) == 3
        assert found.looks.digests[0] == found.looks.digests[2] != found.looks.digests[1]
        assert (found.looks.thumbnails[0] == found.looks.thumbnails[2]).all()
    assert first.looks is not None and second.looks is not None
    assert (first.looks.thumbnails == second.looks.thumbnails).all()
