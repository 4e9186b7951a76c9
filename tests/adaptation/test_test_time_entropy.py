import numpy as np
import pytest
import torch

from regraft.adaptation.network_training import FeatureBatches
from regraft.adaptation.test_time_entropy import ScaledFeatures, mean_entropy, minimise_entropy, named_classes
from regraft.finetuning.batches import train_loader, validation_loader


def run(rows, coef, **settings):
    network = ScaledFeatures(coef, np.zeros(len(coef), np.float32))
    batches = FeatureBatches(rows, np.zeros(len(rows), np.int64))
    given = {"epochs": 4, "learning_rate": 0.01, **settings}
    loaders = train_loader(batches, 16, 0), validation_loader(batches, 16)
    return network, minimise_entropy(network, [network.gain, network.shift], *loaders, **given)


def test_entropy_by_hand():
    assert float(mean_entropy(torch.zeros(3, 4))) == pytest.approx(np.log(4))
    assert float(mean_entropy(torch.tensor([[500.0, 0.0]]))) == pytest.approx(0.0)


def test_classes_that_are_named():
    assert named_classes(torch.eye(4)) == pytest.approx(4)
    assert named_classes(torch.eye(4)[[0, 0, 1, 1]]) == pytest.approx(2)
    assert named_classes(torch.eye(4)[[2, 2]]) == pytest.approx(1)


def test_entropy_falls_and_nothing_else_changes():
    rows = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    coef = np.array([[1, 0, 0], [-1, 0, 0]], np.float32)
    network, found = run(rows, coef)
    assert len(found.entropies) == 5
    assert all(a > b for a, b in zip(found.entropies, found.entropies[1:], strict=False))
    assert not found.collapsed
    np.testing.assert_array_equal(network.coef.numpy(), coef)
    assert network.gain[0] > 1.01
    assert network.gain[1] == 1.0


def test_an_epoch_that_loses_a_class_is_undone():
    draw = np.random.default_rng(0)
    rows = np.concatenate([draw.normal(3, 0.5, (70, 1)), draw.normal(-0.1, 0.05, (20, 1))]).astype(np.float32)
    network, found = run(rows, np.array([[1.0], [-1.0]], np.float32), learning_rate=0.05, epochs=20)
    assert found.collapsed
    assert len(found.entropies) < 20
    assert named_classes(network(torch.from_numpy(rows))) > 1.3
