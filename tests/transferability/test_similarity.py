from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from regraft.backbones import source
from regraft.backbones.lookup import get_backbones
from regraft.transferability import similarity as module
from regraft.transferability.overlap import match
from regraft.transferability.similarity import (
    CONCENTRATED,
    FITS,
    concentration,
    last_normalisation_misfit,
    similarity,
    source_classes_used,
)


def test_concentration_is_the_share_of_the_five_likeliest() -> None:
    even, sure = np.full((1, 100), 0.01), np.eye(100)[:1]
    assert concentration(even) == pytest.approx(0.05)
    assert concentration(sure) == 1
    assert concentration(np.vstack([even, sure])) == pytest.approx(0.525)
    assert concentration(np.array([[0.6, 0.4]])) == pytest.approx(1)


def test_source_classes_used_of_the_median_class() -> None:
    one, four, eight = np.eye(8)[0], np.repeat([0.25, 0], 4), np.full(8, 1 / 8)
    probabilities = np.stack([one, four, eight, one])
    assert source_classes_used(probabilities, np.array([0, 1, 2, 0])) == pytest.approx(4)
    # Two images, each of one class, are spread over two.
    assert source_classes_used(np.eye(8)[:2], np.array([0, 0])) == pytest.approx(2)


class Network(torch.nn.Module):
    """Two batch normalisations, of which the last has learnt a mean and a variance."""

    def __init__(self, mean: float, variance: float) -> None:
        super().__init__()
        self.first, self.last = torch.nn.BatchNorm2d(3, affine=False), torch.nn.BatchNorm2d(3, affine=False)
        for layer, value, spread in ((self.first, 0.0, 1.0), (self.last, mean, variance)):
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.fill_(value)
            layer.running_var.fill_(spread)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(images))


@pytest.mark.parametrize(
    ("mean", "variance", "expected"), [(0.0, 1.0, 0.0), (1.0, 1.0, 0.5), (0.0, 4.0, (0.25 - 1 + np.log(4)) / 2)]
)
def test_misfit_is_the_divergence_at_the_last_normalisation(mean: float, variance: float, expected: float) -> None:
    images = torch.randn(8, 3, 50, 50, generator=torch.Generator().manual_seed(0))
    network = Network(mean, variance).eval()
    assert last_normalisation_misfit(network, images) == pytest.approx(expected, abs=0.02)
    assert not network.last._forward_pre_hooks


def test_a_network_without_batch_normalisation_has_no_misfit() -> None:
    class Plain(torch.nn.Module):
        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return images

    assert last_normalisation_misfit(Plain(), torch.zeros(1, 3, 4, 4)) is None


def test_each_figure_counts_by_its_distance_from_its_limit() -> None:
    own, none = match(["a", "b"], ["a", "x"]), match(["a", "b"], ["x"])
    assert module._judged(none, 2 * CONCENTRATED, FITS)[0] == "similar"
    assert module._judged(none, CONCENTRATED / 2, FITS)[0] == "different"
    assert module._judged(none, CONCENTRATED / 2, FITS / 3)[0] == "similar"
    assert module._judged(none, None, 2 * FITS)[0] == "different"
    assert module._judged(own, 0.01, 9.0) == (
        "similar",
        "Similar to what the network learnt from: 1 of 2 classes are the source's own; the five likeliest source "
        "classes take 1% of the probability of an image (36% or more is similar); the statistics of its features are "
        "9.00 nats from those of the source (at most 0.18 is similar).",
    )
    verdict, text = module._judged(None, None, None)
    assert verdict is None
    assert text.startswith("How similar the examples are to the source's is not known")


def test_random_weights_have_nothing_to_be_similar_to() -> None:
    backbones = get_backbones("test_convnext", weights="none")
    values = np.zeros((4, backbones[0].feature_dim), np.float32)
    pictures = [np.zeros((32, 32, 3), np.uint8)] * 4
    found = similarity(backbones, values, [values.shape[1]], np.array([0, 0, 1, 1]), ["a", "b"], pictures)
    assert (found.verdict, found.overlap, found.concentration, found.misfit) == (None, None, None, None)
    assert found.reasons["misfit"] == "the weights are random: they have learnt nothing of any images."
    assert found.reasons["concentration"] == "there is no classifier of a source task to ask."
    assert found.reasons["overlap"] == "it is not known which classes the network learnt."


def test_what_can_be_measured_is(monkeypatch: pytest.MonkeyPatch) -> None:
    backbones = get_backbones("tf_efficientnet_lite0")
    weight = np.zeros((50, 1280), np.float32)
    weight[0, 0] = 1
    task = source.SourceTask(weight, np.zeros(50, np.float32), tuple(f"s{i}" for i in range(50)))
    monkeypatch.setattr(source, "source_task", lambda backbone, folder: task)
    values = np.zeros((4, 1280), np.float32)
    values[:, 0] = 100
    y, noise = np.array([0, 0, 1, 1]), np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), np.uint8)
    found = similarity(backbones, values, [1280], y, ["x", "z"], list(noise))
    assert found.concentration == pytest.approx(1)
    assert found.max_probability == pytest.approx(1)
    assert found.source_classes_used == pytest.approx(1)
    assert found.misfit is not None
    assert found.misfit > FITS  # noise is unlike any photograph
    assert found.reasons == {}
    unreadable = similarity(backbones, values, [1280], y, ["x", "z"], [b"no image"] * 4)
    assert unreadable.misfit is None
    assert unreadable.reasons["misfit"] == "none of the images that were drawn for it can be read."
    assert unreadable.verdict == "similar"


@pytest.mark.parametrize(("name", "verdict"), [("flowers", "similar"), ("signs/train", "different")])
def test_real_images(real_data: Path, name: str, verdict: str) -> None:
    from regraft.data.sources import read_source
    from regraft.features.extraction import extract

    data = read_source(real_data / name)
    data = data.take(np.arange(0, len(data), max(1, len(data) // 24)))
    backbones = get_backbones("tf_efficientnet_lite0")
    found = extract(data.examples, data.names, backbones)
    alike = similarity(backbones, found.values, found.widths, data.y, data.class_names, data.examples)
    assert alike.verdict == verdict
    assert alike.misfit is not None and alike.concentration is not None
    assert (alike.misfit < FITS) is (verdict == "similar")
    assert (alike.concentration > CONCENTRATED) is (verdict == "similar")
