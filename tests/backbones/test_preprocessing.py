"""Pixels against Pillow and torchvision, and the corners of resizing."""

import math

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from regraft.backbones.preprocessing import Preprocessing

PHOTOS = load_sample_images().images  # two photographs of 427 x 640 that scikit-learn carries


def by_torchvision(image: np.ndarray, pixels: Preprocessing) -> np.ndarray:
    """What timm's own evaluation transforms do, before normalisation."""
    from torchvision.transforms import InterpolationMode, v2

    mode = InterpolationMode.BICUBIC if pixels.interpolation == "bicubic" else InterpolationMode.BILINEAR
    steps = [v2.Resize(math.floor(pixels.size / pixels.crop), mode, antialias=True), v2.CenterCrop(pixels.size)]
    return np.asarray(v2.Compose(steps)(Image.fromarray(image)))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def halves(height: int, width: int) -> np.ndarray:
    """Black on the left, white on the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :] = 255
    return image


@pytest.mark.parametrize("photo", PHOTOS, ids=["palace", "flower"])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize(("size", "crop", "interpolation"), [(224, 0.875, "bicubic"), (240, 0.95, "bilinear")])
def test_shrinking_is_close_to_torchvision(photo, upright, size, crop, interpolation):
    photo = photo.transpose(1, 0, 2) if upright else photo
    pixels = Preprocessing(size, crop=crop, interpolation=interpolation)
    found = pixels.apply(photo)
    expected = by_torchvision(photo, pixels)
    assert found.shape == expected.shape == (size, size, 3)
    assert found.dtype == np.uint8
    assert found.flags["C_CONTIGUOUS"]
    # Averaging by area is a little softer than bicubic, and the crop may be half a pixel off.
    assert difference(found, expected) < (8 if interpolation == "bicubic" else 4)
    # But it is the same crop: three pixels aside it would differ far more.
    assert difference(found[:, 3:], expected[:, :-3]) > 1.5 * difference(found, expected)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_enlarging_is_close_to_pillow(interpolation):
    small = np.asarray(Image.fromarray(PHOTOS[0]).resize((96, 64), Image.Resampling.BOX))
    pixels = Preprocessing(160, crop=0.875, interpolation=interpolation)
    assert difference(pixels.apply(small), by_torchvision(small, pixels)) < 3


def test_interpolation_is_used_where_images_grow():
    small = np.asarray(Image.fromarray(PHOTOS[0]).resize((64, 64)))
    cubic, linear = (Preprocessing(128, interpolation=name).apply(small) for name in ("bicubic", "bilinear"))
    assert difference(cubic, linear) > 0.5


def test_an_image_of_the_right_size_is_left_alone():
    image = np.ascontiguousarray(PHOTOS[0][:224, :224])
    assert np.array_equal(Preprocessing(224, crop=1.0).apply(image), image)


@pytest.mark.parametrize("shape", [(64, 64), (500, 300), (300, 500), (100, 900)])
def test_stretch_shows_the_whole_image(shape):
    image = halves(*shape)
    found = Preprocessing(128, resize="stretch").apply(image)
    assert found.shape == (128, 128, 3)
    expected = np.asarray(Image.fromarray(image).resize((128, 128), Image.Resampling.BICUBIC))
    assert difference(found, expected) < 2


def test_crop_leaves_out_the_ends_of_a_long_image():
    image = halves(100, 900)
    image[:, :300] = 128
    assert not (Preprocessing(64).apply(image) == 128).any()
    assert (Preprocessing(64, resize="stretch").apply(image) == 128).any()


def test_stretch_averages_the_side_that_shrinks_even_where_the_other_grows():
    stripes = np.zeros((40, 1664, 3), np.uint8)
    stripes[:, ::2] = 255
    found = Preprocessing(64, resize="stretch").apply(stripes)
    assert np.abs(found.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2)])
@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_any_shape_becomes_a_square(shape, resize):
    image = np.full((*shape, 3), 77, np.uint8)
    found = Preprocessing(32, resize=resize).apply(image)
    assert found.shape == (32, 32, 3)
    assert (found == 77).all()


def test_short_side_is_all_that_a_decoder_must_deliver():
    assert Preprocessing(224, crop=0.875).short_side == 256
    assert Preprocessing(240, crop=0.882).short_side == 272
    assert Preprocessing(224, resize="stretch").short_side == 224


def test_survives_json_and_its_digest_names_all_that_changes_the_pixels():
    import json

    pixels = Preprocessing(224, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 0.9, "bilinear", "stretch")
    again = Preprocessing.from_dict(json.loads(json.dumps(pixels.to_dict())))
    assert again == pixels
    assert again.digest == pixels.digest
    changes = [{"size": 225}, {"mean": [0, 0, 0]}, {"std": [1, 1, 1]}, {"crop": 0.8}, {"interpolation": "bicubic"}]
    changes += [{"resize": "crop"}]
    others = [Preprocessing.from_dict({**pixels.to_dict(), **change}).digest for change in changes]
    assert len({pixels.digest, *others}) == len(changes) + 1


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        ((0, 0, 0), (1, 1, 1), "pixels scaled to 0..1"),
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "pixels scaled to -1..1"),
        (
            (0.485, 0.456, 0.406),
            (0.229, 0.224, 0.225),
            "pixels of 0..1 less the mean (0.485, 0.456, 0.406), "
            "divided by the standard deviation (0.229, 0.224, 0.225)",
        ),
    ],
)
def test_how_pixels_are_scaled_in_words(mean, std, words):
    assert Preprocessing(224, mean, std).scale == words


def test_a_mirrored_image_is_swapped_last_and_named_only_where_it_is():
    image = np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8)
    plain, mirrored = Preprocessing(64), Preprocessing(64, mirror=True)
    assert np.array_equal(mirrored.apply(image), plain.apply(image)[:, ::-1])
    assert mirrored.apply(image).flags.c_contiguous
    # Features that were kept before there were mirrored views stay theirs.
    assert "mirror" not in plain.to_dict()
    assert Preprocessing.from_dict(mirrored.to_dict()) == mirrored
    assert plain.digest != mirrored.digest
