"""The torch program by itself: what goes in and out, and what it says of itself."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regraft.export.torch import EXTRA


def test_it_says_what_it_is(exported: Callable[[str], Any], small: Any) -> None:
    held = {EXTRA: ""}
    torch.export.load(exported("torch").paths[0], extra_files=held)
    said = json.loads(held[EXTRA])
    assert said["classes"] == ["blue", "green", "red"]
    assert said["calibration"] == small.calibration.to_dict()
    assert set(said["input"]) == {"images"}
    assert list(said["output"]) == ["probabilities", "strangeness"]


def test_it_is_one_file_without_a_place_of_this_machine(
    exported: Callable[[str], Any], nowhere: Callable[[Path], None]
) -> None:
    [path] = exported("torch").paths
    assert path.stat().st_size == exported("torch").bytes
    nowhere(path)


def test_it_takes_any_number_of_images_of_any_size(opened: Callable[[str], Any]) -> None:
    for shape in ((1, 1, 1, 3), (3, 50, 90, 3), (2, 300, 7, 3)):
        probabilities, strangeness = opened("torch")(np.full(shape, 90, np.uint8))
        assert probabilities.shape == (shape[0], 3) and strangeness.shape == shape[:1]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_pixels_that_must_not_be_written_to_are_taken_quietly(opened: Callable[[str], Any]) -> None:
    pixels = np.zeros((1, 20, 20, 3), np.uint8)
    pixels.flags.writeable = False
    run = opened("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(pixels)
