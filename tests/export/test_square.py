"""The square inside a graph is the one that `Preprocessing.apply` cuts, in every engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from regraft.backbones.preprocessing import Preprocessing
from regraft.export import targets
from regraft.export.square import Square
from regraft.export.target import Job

CROP = Preprocessing(64, crop=0.875)
WAYS = {
    "crop-bicubic": CROP,
    "crop-bilinear": replace(CROP, interpolation="bilinear"),
    "whole-mirrored": replace(CROP, crop=1.0, mirror=True),
    "stretch-bicubic": replace(CROP, resize="stretch"),
    "stretch-bilinear-mirrored": replace(CROP, resize="stretch", interpolation="bilinear", mirror=True),
    "even-short-side": replace(CROP, size=60, crop=0.95),
}
SHAPES = [
    (1, 1), (1, 2), (2, 2), (3, 100), (100, 3), (17, 23), (63, 65), (64, 64), (65, 64), (73, 73), (128, 128),
    (146, 146), (147, 300), (64, 128), (129, 127), (200, 31), (333, 500),
]  # fmt: skip


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return an image of every grey level, black and white edges included."""
    image = np.random.default_rng([seed, height, width]).integers(0, 256, (height, width, 3)).astype(np.uint8)
    image[:, 0], image[:, -1], image[0], image[-1] = 0, 255, 255, 0
    return image


def in_torch(preprocessing: Preprocessing, image: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return Square(preprocessing)(torch.tensor(image[None]))[0].numpy()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_it_is_what_apply_gives_within_a_grey_level(way: str, shape: tuple[int, int]) -> None:
    preprocessing, image = WAYS[way], noise(*shape)
    expected, found = preprocessing.apply(image).astype(float), in_torch(preprocessing, image)
    difference = np.abs(found - expected)
    shrinks = min(shape) >= preprocessing.short_side
    assert difference.max() <= 1
    # Not every processor rounds alike where OpenCV enlarges.
    assert difference.mean() < (0.01 if shrinks else 0.1)
    assert abs((found - expected).mean()) < (0.01 if shrinks else 0.06)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_so_without_what_only_some_processors_have(way: str) -> None:
    if not hasattr(cv2, "ipp") or not cv2.ipp.useIPP():
        pytest.skip("this OpenCV has no kernels of one maker's processors")
    cv2.ipp.setUseIPP(False)
    try:
        for shape in SHAPES:
            image = noise(*shape)
            difference = np.abs(in_torch(WAYS[way], image) - WAYS[way].apply(image))
            assert difference.max() <= 1, shape
            assert difference.mean() < 0.1, shape
    finally:
        cv2.ipp.setUseIPP(True)


def test_four_pixels_that_become_one_are_rounded_up() -> None:
    preprocessing = Preprocessing(256, crop=1.0)
    image = noise(512, 512)
    np.testing.assert_array_equal(in_torch(preprocessing, image), preprocessing.apply(image))


def test_what_has_the_size_already_is_left_alone() -> None:
    whole = replace(CROP, crop=1.0)
    image = noise(64, 64)
    np.testing.assert_array_equal(in_torch(whole, image), image)


def test_a_crop_of_half_a_pixel_goes_to_the_even_number_as_in_python() -> None:
    for size, crop in ((64, 0.875), (60, 0.95), (224, 0.875), (240, 0.882), (260, 0.89), (299, 0.8975)):
        preprocessing = Preprocessing(size, crop=crop)
        sides = range(1, 1200)
        found = Square(preprocessing)._crop(torch.tensor(sides, dtype=torch.int32)).tolist()
        assert found == [max(1, round(side * size / preprocessing.short_side)) for side in sides]


def test_several_images_at_once_are_those_one_by_one() -> None:
    images = np.stack([noise(40, 50, seed) for seed in range(3)])
    with torch.no_grad():
        together = Square(CROP)(torch.tensor(images)).numpy()
    for image, square in zip(images, together, strict=True):
        np.testing.assert_array_equal(in_torch(CROP, image), square)


class Only(torch.nn.Module):
    """A network that is nothing but the square."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.square = Square(preprocessing)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.square(images),)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Any]:
    """Return a function that gives what runs a square of some way in an engine."""
    made: dict[tuple[str, str], Any] = {}

    def give(kind: str, way: str) -> Any:
        if (kind, way) not in made:
            target = targets.find(kind)
            path: Path = tmp_path_factory.mktemp("square") / f"square{target.suffix}"
            target.write(Job(Only(WAYS[way]).eval(), ["pixels"], {"classes": [], "calibration": {}}), path)
            made[kind, way] = target.open(path, "f32")
        return made[kind, way]

    return give


@pytest.mark.parametrize("way", ["crop-bicubic", "stretch-bilinear-mirrored"])
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_engines_agree_up_to_the_borders(engine: Callable[[str, str], Any], kind: str, way: str) -> None:
    # Beyond the first pixel's middle places are below 0, and engines divide whole numbers below 0 each in its own way.
    for shape in SHAPES:
        image = noise(*shape)
        [found] = engine(kind, way)(image[None])
        expected = in_torch(WAYS[way], image)
        assert found.shape == (1, *expected.shape)
        difference = np.abs(found[0] - expected)
        assert difference.max() <= 1, shape
        assert difference.mean() < 0.01, shape
