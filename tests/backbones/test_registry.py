"""The table of backbones against published figures; timm's other networks; unknown names."""

from dataclasses import replace
from functools import cache as once

import pytest
import timm

from regraft.backbones.preprocessing import Preprocessing
from regraft.backbones.registry import DEFAULT_BACKBONE, IMAGENET_MEAN, IMAGENET_STD, VOUCHED, get_backbones
from regraft.backbones.vision import FeatureNetwork
from regraft.backbones.weights import FileWeights, HubWeights, PackageWeights, RandomWeights, UrlWeights
from regraft.errors import UsageError

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


def test_several_names_stand_in_the_order_given():
    found = get_backbones(" resnet18 + tf_efficientnet_lite2")
    assert [backbone.name for backbone in found] == ["resnet18", "tf_efficientnet_lite2"]


def test_settings_reach_the_backbone(tmp_path):
    own = get_backbones("resnet50")[0]
    found = get_backbones("resnet50", image_size=320, resize="stretch", pool="max", weights=tmp_path / "w.pth")[0]
    assert found.preprocessing == replace(own.preprocessing, size=320, resize="stretch")
    assert found.pool == "max"
    assert found.weights == FileWeights(tmp_path / "w.pth")
    assert get_backbones("resnet50", weights="none")[0].weights == RandomWeights()


def test_pixels_may_be_scaled_otherwise_than_the_weights_expect():
    own, unit, signed = (get_backbones("resnet50", pixels=p)[0].preprocessing for p in ("weights", "0..1", "-1..1"))
    assert (own.mean, own.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert unit == replace(own, mean=(0.0,) * 3, std=(1.0,) * 3)
    assert signed == replace(own, mean=(0.5,) * 3, std=(0.5,) * 3)


def test_any_network_of_timm_by_its_name():
    found = get_backbones("test_vit")[0]
    assert found.preprocessing.size == 160
    assert found.feature_dim == width("test_vit", "avg") == 64
    assert found.parameters == 0.37
    assert found.weights == HubWeights("timm/test_vit.r160_in1k", "apache-2.0")
    assert found.weights.to_dict()["file"] is None


def test_a_tag_of_timm_names_other_weights():
    found = get_backbones("resnet50.tv_in1k")[0]
    assert found.weights.to_dict()["repository"] == "timm/resnet50.tv_in1k"
    assert found.preprocessing.interpolation == "bilinear"
    vgg = get_backbones("vgg11.tv_in1k")[0]
    assert vgg.feature_dim == width("vgg11.tv_in1k", "avg") == 512


def test_weights_behind_an_address_and_a_crop_beyond_the_image():
    found = get_backbones("volo_d4_448")[0]
    assert isinstance(found.weights, UrlWeights | HubWeights)
    assert found.preprocessing.crop == 1.0
    assert found.preprocessing.short_side == 448
    assert isinstance(get_backbones("legacy_xception")[0].weights, UrlWeights)


def test_a_network_without_published_weights_has_none_to_give():
    weights = get_backbones("botnet50ts_256")[0].weights
    assert weights == RandomWeights(missing=True)
    assert not weights.here()


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("resnet5O", "resnet50"), ("vgg_16", "vgg16"), ("tf_efficientnet_lite_0", "tf_efficientnet_lite0")],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(UsageError, match=f"not '{wrong}'. Did you mean '{near}'"):
        get_backbones(wrong)


def test_a_name_like_no_other_is_answered_with_the_table():
    with pytest.raises(UsageError, match=r"must be one of tf_efficientnet_lite0, .*vgg16.* or any name of") as told:
        get_backbones("???")
    assert "Did you mean" not in str(told.value)


def test_an_unknown_tag_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match=r"no weights 'resnet50.mine'; it has .*resnet50.a1_in1k"):
        get_backbones("resnet50.mine")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": "resnet18+resnet18"}, "name each network once"),
        ({"names": "resnet18+vgg16", "weights": "w.pth"}, "belongs to one backbone.*names 2"),
        ({"pool": "sum"}, "--pool must be auto, avg, max, time, thirds, first, none or scores, not 'sum'"),
        ({"pixels": "0..255"}, r"--pixels must be weights, 0\.\.1 or -1\.\.1, not '0\.\.255'"),
        ({"resize": "squash"}, "--resize must be crop or stretch, not 'squash'"),
        ({"image_size": 31}, "--image-size must be from 32 to 2048 pixels, not 31"),
        ({"image_size": 2049}, "--image-size must be from 32 to 2048 pixels, not 2049"),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        get_backbones(**arguments)
