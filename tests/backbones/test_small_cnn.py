"""The study's small networks: their sizes by hand, timm's contract, both engines, and a bundle."""

import math

import numpy as np
import pytest
import timm
import torch

from regraft.backbones import vision
from regraft.backbones.lookup import get_backbones
from regraft.classifier import Classifier
from regraft.errors import UsageError
from regraft.features.extraction import extract

CONVOLUTIONS = 32 * (3 * 9 + 1) + 64 * (32 * 9 + 1) + 128 * (64 * 9 + 1)

COUNTS = {
    "cnn3": CONVOLUTIONS + 512 * (17 * 17 * 128 + 1),
    "cnn4": CONVOLUTIONS + 128 * (128 * 9 + 1) + 512 * (7 * 7 * 128 + 1) + 512 * (512 + 1),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_as_counted_by_hand(name):
    network = timm.create_model(name)
    assert sum(p.numel() for p in network.parameters()) == COUNTS[name]
    assert get_backbones(name)[0].parameters == round(COUNTS[name] / 1e6, 2)


@pytest.mark.parametrize(("name", "side"), [("cnn3", 17), ("cnn4", 7)])
def test_timms_contract(name, side):
    network = timm.create_model(name, num_classes=2).eval()
    images = torch.rand(2, 3, 150, 150)
    with torch.no_grad():
        features = network.forward_features(images)
        assert features.shape == (2, network.num_features, side, side)
        vectors = network.forward_head(features, pre_logits=True)
        assert vectors.shape == (2, network.head_hidden_size) == (2, 512)
        assert torch.equal(network(images), network.get_classifier()(vectors))
    assert network.pretrained_cfg["classifier"] == "head"
    assert [info["module"] for info in network.feature_info] == [f"blocks.{i}" for i in range(len(network.blocks))]
    network.reset_classifier(5)
    assert network(images).shape == (2, 5)
    network.reset_classifier(0)
    assert network(images).shape == (2, 512)


def test_only_the_larger_one_has_dropout():
    images = torch.rand(1, 3, 150, 150)
    for name, drops in (("cnn3", False), ("cnn4", True)):
        network = timm.create_model(name).train()
        assert torch.equal(network(images), network(images)) is not drops
        assert {m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)} == {0.3 if drops else 0.0}


def test_weights_are_he_normal_at_first():
    network = vision.build(get_backbones("cnn4")[0])
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            inputs = layer.weight[0].numel()
            assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / inputs), rel=0.1)
            assert not layer.bias.any()


def test_the_first_dense_layer_has_the_size_that_images_give():
    network = get_backbones("cnn3", image_size=64)[0].build()
    assert network.dense[0][0].in_features == 6 * 6 * 128
    assert network(torch.rand(1, 3, 64, 64)).shape == (1, 512)


@pytest.mark.parametrize(("name", "size", "least"), [("cnn4", 45, 46), ("cnn4", 32, 46)])
def test_images_must_leave_something_after_the_last_block(name, size, least):
    with pytest.raises(UsageError, match=f"--image-size must be at least {least} pixels for {name}, not {size}"):
        get_backbones(name, image_size=size)[0].build()
    assert get_backbones(name, image_size=least)[0].build()(torch.rand(1, 3, least, least)).shape == (1, 512)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
@pytest.mark.parametrize("name", COUNTS)
def test_both_engines_run_them(name, engine, tmp_path):
    images = list(np.random.default_rng(0).integers(0, 255, (3, 80, 90, 3), dtype=np.uint8))
    backbones = get_backbones(name, image_size=64)
    found = extract(images, ["a", "b", "c"], backbones, engine=engine, precisions=["f32"], cache=tmp_path)
    assert found.engine == engine
    pixels = np.stack([backbones[0].preprocessing.apply(image) for image in images])
    with torch.no_grad():
        expected = backbones[0].build()(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-3, atol=1e-3)


def test_a_bundle_carries_them(tmp_path):
    coefficients = np.random.default_rng(0).normal(size=(2, 512)).astype(np.float32)
    tensors = {"coef": coefficients, "intercept": np.zeros(2, np.float32)}
    backbones = get_backbones("cnn3", image_size=64)
    own = Classifier(("a", "b"), backbones, ("f32",), (512,), "logistic", tensors, {"power": 1.0})
    own.save(tmp_path / "m.regraft")
    loaded = Classifier.load(tmp_path / "m.regraft")
    images = list(np.random.default_rng(1).integers(0, 255, (2, 64, 64, 3), dtype=np.uint8))
    np.testing.assert_allclose(loaded.predict_proba(images), own.predict_proba(images), rtol=1e-5)
    for name, tensor in loaded.backbones[0].build().state_dict().items():
        assert torch.equal(tensor, backbones[0].build().state_dict()[name])
