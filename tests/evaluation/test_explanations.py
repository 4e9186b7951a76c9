from dataclasses import replace

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import DataError
from regraft.evaluation.explanations import Heat, heat_maps, overlay
from regraft.features.engines import open_engine
from regraft.features.extraction import extract

CROP = Preprocessing(64, crop=0.5)
STRETCH = Preprocessing(64, resize="stretch")


def pictures(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (70, 90, 3)).astype(np.uint8) for _ in range(count)]


def names(count):
    return [f"picture {i}" for i in range(count)]


def linear(weights):
    """Return a two-class linear head."""

    def score(features):
        p = 1 / (1 + np.exp(-(features.astype(np.float64) @ weights)))
        return np.stack([1 - p, p], axis=1)

    return score


@pytest.fixture(scope="module")
def small():
    """Return a network of random weights with a grid of 3 x 3."""
    return get_backbones("resnet18", weights="none", image_size=96)[0]


def test_a_linear_heads_map_is_the_class_activation_map(small):
    images = pictures(2)
    weights = np.random.default_rng(1).normal(size=512) / 10
    found = heat_maps(images, names(2), [small], linear(weights), [1, 0], precisions=["f32"])
    runner = open_engine(replace(small, pool="none"), "openvino", "f32", None)
    kept = []
    runner.start(lambda tags, values: kept.append(values))
    runner.submit([0, 1], np.stack([small.preprocessing.apply(image) for image in images]))
    runner.finish()
    grid = kept[0].reshape(2, 512, 3, 3)
    for heat, cells, sign in zip(found.heats, grid, (1, -1), strict=True):
        activation = sign * np.einsum("c,chw->hw", weights, cells)
        np.testing.assert_allclose(heat.maps[0], activation - activation.mean(), atol=1e-3 * np.abs(activation).max())
    assert found.notes == ()


def test_networks_without_a_grid_keep_their_features(small):
    patches = get_backbones("vit_tiny_patch16_224", weights="none", image_size=32)[0]
    images = pictures(1)
    both = extract(images, names(1), [patches, small], precisions=["f32", "f32"]).values[0]
    asked = []

    def score(features):
        asked.append(features)
        return linear(np.ones(features.shape[1]) / 100)(features)

    found = heat_maps(images, names(1), [patches, small], score, [1], precisions=["f32", "f32"])
    assert [heat.maps[0].shape for heat in found.heats] == [(3, 3)]
    assert found.notes == (
        "vit_tiny_patch16_224 has no map: its features are not the average over places of the image.",
    )
    assert all((rows[:, :192] == both[:192]).all() for rows in asked)


@pytest.mark.parametrize("changes", [{"pool": "max"}, {"pool": "none"}, {"until": "layer4.0"}])
def test_features_that_are_no_average_have_no_map(small, changes):
    network = replace(small, **changes)
    found = heat_maps(pictures(1), names(1), [network], lambda x: np.full((len(x), 2), 0.5), [0], precisions=["f32"])
    assert found.heats == [None]
    assert "resnet18 has no map" in found.notes[0]


def test_unreadable_images_have_no_map(small):
    images = [b"no image", *pictures(1)]
    found = heat_maps(images, names(2), [small], linear(np.ones(512)), [0, 1], precisions=["f32"])
    assert found.heats[0] is None
    assert found.heats[1] is not None
    assert heat_maps(images[:1], names(1), [small], linear(np.ones(512)), [0]).heats == [None]


def test_a_class_for_each_image(small):
    with pytest.raises(DataError, match=r"one class for each of 2 images, but \(1,\) came"):
        heat_maps(pictures(2), names(2), [small], linear(np.ones(512)), [0])


def test_maps_lie_where_each_network_looks_and_add_up():
    corner = np.zeros((4, 4), np.float32)
    corner[0, 0] = 1
    cropped, stretched = Heat((corner,), (CROP,)), Heat((corner,), (STRETCH,))
    on = cropped.on(100, 200)
    assert (on[:25] == 0).all()
    assert (on[:, :75] == 0).all()
    assert np.unravel_index(on.argmax(), on.shape) == pytest.approx((27, 77), abs=3)
    assert np.unravel_index(stretched.on(100, 200).argmax(), on.shape) == pytest.approx((6, 12), abs=12)
    both = Heat((corner, corner), (CROP, STRETCH))
    np.testing.assert_allclose(both.on(100, 200), on + stretched.on(100, 200))


def test_overlay_colours_what_speaks_for_the_class():
    values = np.full((4, 4), -1, np.float32)
    values[3, 3] = 5
    image = np.full((100, 200, 3), 100, np.uint8)
    shown = overlay(image, Heat((values,), (CROP,)))
    assert shown.shape == image.shape
    assert shown.dtype == np.uint8
    assert (shown[:20] == 50).all()  # not seen
    assert (shown[30:40, 80:90] == 100).all()  # seen, and says nothing
    assert np.ptp(shown[70, 120].astype(int)) > 50
    assert overlay(image, Heat((np.zeros((4, 4), np.float32),), (STRETCH,))).tolist() == image.tolist()
