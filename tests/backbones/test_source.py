"""The source task: its classes, and its own classifier of the features that are transferred."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images

from regraft.backbones import source
from regraft.backbones.lookup import get_backbones
from regraft.backbones.source import (
    source_classes,
    source_classifier,
    source_definitions,
    source_probabilities,
    source_task,
)
from regraft.backbones.vision import FeatureNetwork
from regraft.backbones.weights import HubWeights
from regraft.errors import UsageError, WeightsError

LITE0 = get_backbones("tf_efficientnet_lite0")[0]
PALACE = 698


@pytest.fixture(autouse=True)
def forget():
    source_task.cache_clear()


def features_of(backbone, photos):
    pixels = torch.from_numpy(np.stack([backbone.preprocessing.apply(photo) for photo in photos])).float()
    with torch.no_grad():
        return FeatureNetwork(backbone.build(), backbone).eval()(pixels).numpy()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_features_give_the_very_scores_of_a_pass_of_their_own(level):
    backbone = get_backbones(f"tf_efficientnet_lite{level}")[0]
    photos = load_sample_images().images
    found = source_probabilities(features_of(backbone, photos), backbone)
    assert found is not None
    assert found == pytest.approx(features_of(replace(backbone, pool="scores"), photos), abs=1e-5)
    assert found[0].argmax() == PALACE
    names = source_classes(backbone)
    assert names is not None
    assert (len(names), names[PALACE], names[985]) == (1000, "palace", "daisy")


def test_daisies_are_daisies(real_data: Path):
    from regraft.features.extraction import extract

    photos = sorted((real_data / "flowers" / "daisy").iterdir())[:40]
    features = extract(photos, [p.name for p in photos], [LITE0])
    found = source_probabilities(features.values, LITE0)
    assert found is not None
    assert (found.argmax(axis=1) == 985).mean() > 0.7


def test_it_is_kept_for_the_next_process(tmp_path, monkeypatch):
    first = source_task(LITE0, tmp_path)
    [kept] = tmp_path.iterdir()
    assert kept.suffix == ".npz"
    source_task.cache_clear()
    monkeypatch.setattr(source, "_found", None)  # nothing may be asked of the network again
    again = source_task(LITE0, tmp_path)
    assert again.classes == first.classes
    assert np.array_equal(again.weight, first.weight)
    assert np.array_equal(again.bias, first.bias)


def test_a_damaged_file_is_made_anew(tmp_path):
    source_task(LITE0, tmp_path)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    source_task.cache_clear()
    assert source_classifier(LITE0, tmp_path) is not None
    source_task.cache_clear()
    assert source_classes(LITE0, tmp_path) is not None
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path):
    (tmp_path / "file").touch()
    assert source_classifier(LITE0, tmp_path / "file" / "folder") is not None


@pytest.fixture
def headless(tmp_path):
    tensors = timm.create_model("test_resnet").state_dict()
    save_file(
        {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}, tmp_path / "w.safetensors"
    )
    return get_backbones("test_resnet", weights=tmp_path / "w.safetensors")[0]


def test_what_has_no_source(headless):
    random = get_backbones("tf_efficientnet_lite0", weights="none")[0]
    for backbone in (random, replace(LITE0, pool="max"), replace(LITE0, until="blocks.3"), headless):
        assert source_classifier(backbone) is None
        assert source_classes(backbone) is None
        assert source_probabilities(np.zeros((2, 1280), np.float32), backbone) is None


def test_that_there_is_none_is_kept_as_well(headless, tmp_path, monkeypatch):
    assert source_classifier(headless, tmp_path / "kept") is None
    source_task.cache_clear()
    monkeypatch.setattr(source, "_found", None)
    assert source_classifier(headless, tmp_path / "kept") is None


def test_a_users_weights_have_a_classifier_and_no_names(tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    backbone = get_backbones("test_resnet", weights=tmp_path / "w.safetensors")[0]
    classifier = source_classifier(backbone, tmp_path / "kept")
    assert classifier is not None
    assert classifier[0].shape == (1000, backbone.feature_dim)
    assert source_classes(backbone, tmp_path / "kept") is None
    source_task.cache_clear()
    assert source_classes(backbone, tmp_path / "kept") is None


def test_a_classifier_of_more_than_one_layer_is_none(tmp_path):
    # VGG's features are its last map; its classifier comes after two dense layers of its own.
    vgg = get_backbones("vgg11", weights="none")[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(vgg.weights), "random", False)
        assert source_classifier(vgg) is None


def test_weights_that_are_missing_are_said_to_be(tmp_path):
    with pytest.raises(WeightsError, match="there is no file"):
        source_classifier(get_backbones("test_resnet", weights=tmp_path / "missing.pth")[0])


def test_features_of_another_network():
    with pytest.raises(UsageError, match=r"must be \(n, 1280\) for tf_efficientnet_lite0's classifier, not \(2, 5\)"):
        source_probabilities(np.zeros((2, 5), np.float32), LITE0)


@pytest.mark.parametrize(
    ("repository", "learnt"),
    [
        ("timm/resnet50.a1_in1k", True),
        ("timm/convnext_tiny.in12k_ft_in1k", True),
        ("timm/convnext_base.fb_in22k_ft_in1k_384", True),
        ("timm/tf_efficientnet_lite0.in1k", True),
        ("timm/convnext_tiny.fb_in22k", False),
        ("timm/vit_base_patch16_clip_224.openai", False),
        ("me/mine", False),
    ],
)
def test_which_weights_were_last_trained_on_imagenet(repository, learnt):
    assert source._learnt_imagenet(replace(LITE0, weights=HubWeights(repository, "mit"))) is learnt


def test_weights_from_the_web_are_known_by_timms_tag():
    assert source._learnt_imagenet(get_backbones("xception")[0])


def test_the_names_are_timms_without_importing_it() -> None:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    [lite0] = get_backbones("tf_efficientnet_lite0")
    assert source_classes(lite0) == tuple(info.index_to_description(i) for i in range(1000))
    code = (
        "import sys\nfrom regraft.backbones.lookup import get_backbones\n"
        "from regraft.backbones.source import source_classes\n"
        "print(len(source_classes(get_backbones('tf_efficientnet_lite0')[0])), 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1000", "False"]


def test_where_timm_keeps_its_tables_elsewhere_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    names = source._imagenet_names()
    monkeypatch.setattr(source, "find_spec", lambda name: None)
    source._imagenet_names.cache_clear()
    try:
        assert source._imagenet_names() == names
    finally:
        source._imagenet_names.cache_clear()


def test_classes_have_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = source_definitions(LITE0)
    assert definitions is not None
    assert len(definitions) == 1000
    assert definitions[985].startswith("any of numerous composite plants")
    assert source_definitions(get_backbones("tf_efficientnet_lite0", weights="none")[0]) is None
    # Another release of timm may keep its tables elsewhere: then a class is what it is called.
    monkeypatch.setattr(source, "find_spec", lambda name: None)
    source._imagenet_definitions.cache_clear()
    try:
        assert source_definitions(LITE0) == source_classes(LITE0)
    finally:
        source._imagenet_definitions.cache_clear()
