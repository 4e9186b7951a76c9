"""The table of backbones against published figures; timm's other networks; unknown names."""

from functools import cache as once

import pytest
import timm

from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import DEFAULT_BACKBONE, IMAGENET_MEAN, IMAGENET_STD, VOUCHED
from regraft.backbones.vision import FeatureNetwork
from regraft.backbones.weights import HubWeights, PackageWeights, RandomWeights, UrlWeights

NAMES = [backbone.name for backbone in VOUCHED]
PRETRAINED = [backbone.name for backbone in VOUCHED if not backbone.weights.random]


@once
def bare(architecture: str):
    """A network without numbers in its tensors: all shapes, no memory, no time."""
    import torch

    with torch.device("meta"):
        return timm.create_model(architecture).eval()


def width(name: str, pool: str) -> int:
    import torch

    backbone = get_backbones(name, pool=pool)[0]
    size = backbone.preprocessing.size
    with torch.device("meta"), torch.no_grad():
        return FeatureNetwork(bare(backbone.architecture), backbone)(torch.empty(2, size, size, 3)).shape[1]


# --- the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_table_tells_the_network_as_it_is(name):
    backbone = get_backbones(name)[0]
    assert sum(p.numel() for p in bare(backbone.architecture).parameters()) / 1e6 == pytest.approx(
        backbone.parameters, abs=0.006
    )
    assert width(name, "avg") == backbone.feature_dim
    assert backbone.modality == "image"


@pytest.mark.parametrize("name", PRETRAINED)
def test_table_tells_where_weights_come_from_and_how_good_they_are(name):
    backbone = get_backbones(name)[0]
    assert backbone.top1 is not None and 70 < backbone.top1 < 90
    assert backbone.weights.licence.lower() in ("apache-2.0", "bsd-3-clause", "mit")


def test_networks_that_start_from_nothing():
    assert [name for name in NAMES if name not in PRETRAINED] == ["cnn3", "cnn4"]
    for name in ("cnn3", "cnn4"):
        backbone = get_backbones(name)[0]
        assert backbone.weights == RandomWeights()
        assert backbone.weights.here()
        assert backbone.top1 is None
        assert backbone.preprocessing == Preprocessing(150, (0, 0, 0), (1, 1, 1), 1.0, "bilinear", "stretch")


@pytest.mark.parametrize("name", NAMES)
def test_table_preprocesses_as_the_weights_expect(name):
    backbone = get_backbones(name)[0]
    tag = backbone.weights.repository.split("/")[1] if isinstance(backbone.weights, HubWeights) else None
    config = timm.get_pretrained_cfg(tag or backbone.architecture)
    pixels = backbone.preprocessing
    assert config.input_size == (3, pixels.size, pixels.size)
    assert (config.mean, config.std) == (pixels.mean, pixels.std)
    assert config.crop_pct == pytest.approx(pixels.crop)
    assert config.interpolation == pixels.interpolation
    if tag:
        named = get_backbones(tag)[0]  # timm's own words for these weights, not our table's
        assert named.weights.to_dict()["repository"] == backbone.weights.repository
        assert named.preprocessing == backbone.preprocessing
    if isinstance(backbone.weights, UrlWeights):
        assert config.url == backbone.weights.url


CLASSICS = ("vgg16", "vgg19", "resnet50", "inception_v3", "xception")


@pytest.mark.parametrize(
    ("name", "parameters", "size", "avg", "none"),
    [  # parameters as their papers' reference implementations count them
        ("vgg16", 138_357_544, 224, 512, 512 * 7 * 7),
        ("vgg19", 143_667_240, 224, 512, 512 * 7 * 7),
        ("resnet50", 25_557_032, 224, 2048, 2048 * 7 * 7),
        ("inception_v3", 23_834_568, 299, 2048, 2048 * 8 * 8),
        ("xception", 22_855_952, 299, 2048, 2048 * 10 * 10),
    ],
)
def test_the_five_classics_are_the_networks_people_know(name, parameters, size, avg, none):
    backbone = get_backbones(name)[0]
    assert sum(p.numel() for p in bare(backbone.architecture).parameters()) == parameters
    assert backbone.preprocessing.size == size
    assert [width(name, pool) for pool in ("avg", "max", "none")] == [avg, avg, none]


@pytest.mark.parametrize(
    ("name", "without_classifier"),
    [  # as Keras counts the networks without their top; VGG's two dense layers belong to it
        ("vgg16", 14_714_688),
        ("vgg19", 20_024_384),
        ("resnet50", 25_557_032 - 2049 * 1000),
        ("inception_v3", 23_834_568 - 2049 * 1000),
        ("xception", 22_855_952 - 2049 * 1000),
    ],
)
def test_the_five_classics_without_their_top(name, without_classifier):
    network = bare(get_backbones(name)[0].architecture)
    top = ("pre_logits.", "head.") if name.startswith("vgg") else ("fc.", "last_linear.")
    kept = sum(p.numel() for n, p in network.named_parameters() if not n.startswith(top))
    assert kept == without_classifier


@pytest.mark.parametrize("name", CLASSICS)
def test_the_five_classics_expect_the_pixels_they_were_trained_on(name):
    pixels = get_backbones(name, weights="none")[0].preprocessing
    expected = ((0.5,) * 3, (0.5,) * 3) if name in ("inception_v3", "xception") else (IMAGENET_MEAN, IMAGENET_STD)
    assert (pixels.mean, pixels.std) == expected


@pytest.mark.parametrize(
    ("name", "size", "pool", "expected"),
    [  # what the published experiments make of them
        ("vgg16", 150, "none", 4 * 4 * 512),
        ("vgg19", 64, "max", 512),
        ("resnet50", 224, "none", 7 * 7 * 2048),
        ("resnet50", 224, "scores", 1000),
        ("inception_v3", 299, "avg", 2048),
        ("cnn3", 150, "none", 17 * 17 * 128),
    ],
)
def test_feature_sizes_of_the_published_experiments(name, size, pool, expected):
    import torch

    backbone = get_backbones(name, weights="none", image_size=size, pool=pool)[0]
    with torch.device("meta"), torch.no_grad():
        features = FeatureNetwork(bare(backbone.architecture), backbone)(torch.empty(2, size, size, 3))
    assert features.shape == (2, expected)


def test_default_is_bundled():
    assert all(isinstance(backbone.weights, PackageWeights) for backbone in get_backbones())
    assert "+".join(backbone.name for backbone in get_backbones()) == DEFAULT_BACKBONE


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


# --- what a name and its settings give --------------------------------------------------------------
