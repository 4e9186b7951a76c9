"""The control on raw pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.control import against_pixels, pixels
from regraft.data.sources import read_source
from regraft.features.extraction import extract


def test_pixels_are_the_means_of_cells() -> None:
    thumbnails = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    found = pixels(thumbnails)
    assert found.shape == (2, 16 * 16 * 3)
    assert found[1, 0] == pytest.approx(thumbnails[1, :2, :2, 0].mean() / 255)
    assert found.min() >= 0 and found.max() <= 1


def test_pixels_do_tell_colours_apart_and_a_bad_classifier_is_worse(colours: Path) -> None:
    dataset = read_source(colours)
    seen = extract(dataset.examples, dataset.names, (), looks=True).looks
    assert seen is not None
    index = np.arange(len(dataset))
    wrong = np.eye(3)[(dataset.y + 1) % 3]
    control = against_pixels(dataset, seen.thumbnails, "cross-validation", index, wrong, seed=0)
    assert control.accuracy == 1.0
    assert control.verdict.hurts
    assert control.to_dict()["control"] == "the raw pixels alone"
    equal = against_pixels(dataset, seen.thumbnails, "cross-validation", index, np.eye(3)[dataset.y], seed=0)
    assert equal.verdict.gain == 0
