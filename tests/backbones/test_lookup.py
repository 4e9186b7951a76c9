"""Names become backbones, with the settings that were asked for; what is wrong is told with what is right."""

from dataclasses import replace

import pytest

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import IMAGENET_MEAN, IMAGENET_STD
from regraft.backbones.weights import FileWeights, HubWeights, RandomWeights, UrlWeights
from regraft.errors import UsageError


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
    assert found.feature_dim == 64
    assert found.parameters == 0.37
    assert found.weights == HubWeights("timm/test_vit.r160_in1k", "apache-2.0")
    assert found.weights.to_dict()["file"] is None


def test_a_tag_of_timm_names_other_weights():
    found = get_backbones("resnet50.tv_in1k")[0]
    assert found.weights.to_dict()["repository"] == "timm/resnet50.tv_in1k"
    assert found.preprocessing.interpolation == "bilinear"
    vgg = get_backbones("vgg11.tv_in1k")[0]
    assert vgg.feature_dim == 512


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


def test_recordings_and_texts_have_backbones_of_their_own():
    [heard] = get_backbones(modality="audio")
    assert (heard.modality, heard.layer, heard.pool, heard.preprocessing.size) == ("audio", "blocks.3", "thirds", 160)
    assert heard.sound is not None and heard.preprocessing.resize == "stretch"
    [other] = get_backbones("test_efficientnet", modality="audio", weights="none")
    assert other.layer == "blocks.2"
    [asked] = get_backbones(modality="audio", pool="avg", image_size=96)
    assert (asked.layer, asked.pool, asked.preprocessing.size) == (None, "avg", 96)
    [encoder] = get_backbones(modality="text")
    assert (encoder.modality, encoder.feature_dim) == ("text", 384)
