from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import Backbone
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.features.extraction import Features, extract
from regraft.transferability.probes import measure

TINY = get_backbones("test_convnext", weights="none")[0]


def images(folder: Path, backbone: Backbone = TINY) -> tuple[Dataset, Features]:
    data = read_source(folder)
    return data, extract(data.examples, data.names, [backbone], looks=True)


def test_colours_are_in_the_pixels_and_in_every_layer(colours: Path) -> None:
    data, found = images(colours)
    probes = measure(data, found, TINY, "auto", 0)
    assert probes.raw_pixels == 1
    assert probes.chance == pytest.approx(1 / 3)
    assert probes.transfers is False  # nothing is better than always right
    assert [stage for stage, _ in probes.layers] == list(TINY.stage_widths())
    assert (probes.low, probes.high) == (probes.layers[len(probes.layers) // 4][1], probes.layers[-1][1])
    assert json.loads(json.dumps(probes.to_dict()))["layers"][0] == {"stage": probes.layers[0][0], "probe": 1.0}


def test_features_that_pixels_do_not_hold(colours: Path) -> None:
    data, found = images(colours)
    noise = np.random.default_rng(0).integers(0, 255, found.looks.thumbnails.shape, np.uint8)  # type: ignore[union-attr]
    found.looks.thumbnails[:] = noise  # type: ignore[union-attr]
    found.values[:] = 5 * np.eye(found.values.shape[1])[data.y]
    probes = measure(data, found, TINY, "auto", 0)
    assert probes.features == 1
    assert probes.raw_pixels is not None and probes.raw_pixels < 0.8
    assert probes.transfers is True


def test_images_that_are_all_the_same_say_why(colours: Path) -> None:
    data, found = images(colours)
    found.values[:] = 1
    probes = measure(data, found, TINY, "auto", 0)
    assert probes.features is None
    assert probes.reason is not None
    assert probes.reason.startswith("no probe could be fitted. Features must differ between images")


def test_one_image_a_class_says_why(colours: Path) -> None:
    data, found = images(colours)
    lone = data.take([0, 6, 12])
    probes = measure(lone, found, TINY, "auto", 0)
    assert probes.reason == (
        "no probe could be fitted. No class has two examples, so nothing can be set aside to test on: add examples to "
        "the classes."
    )


def test_a_network_without_stages_says_so(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, found = images(colours)
    monkeypatch.setattr(Backbone, "stage_widths", lambda self: {})
    probes = measure(data, found, TINY, "auto", 0)
    assert (probes.low, probes.layers) == (None, ())
    assert probes.reason == "test_convnext has no stages that can be compared on these images."


def test_thumbnails_that_never_differ_are_no_baseline(colours: Path) -> None:
    data, found = images(colours)
    found.looks.thumbnails[:] = 7  # type: ignore[union-attr]
    probes = measure(data, found, TINY, "auto", 0)
    assert probes.features is not None
    assert (probes.raw_pixels, probes.transfers) == (None, None)
