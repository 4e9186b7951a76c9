import math

import numpy as np
import pytest
import torch
from torch import nn

from regraft.adaptation.bottleneck import BottleneckNetwork
from regraft.adaptation.domain_adversarial import DomainConfusion, reversal_strength, reverse_gradient
from regraft.adaptation.network_training import FeatureBatches, train_on_domains
from regraft.finetuning.batches import train_loader
from regraft.finetuning.settings import Training


def test_features_pass_and_their_gradient_comes_back_turned_round():
    features = torch.tensor([[1.0, -2.0]], requires_grad=True)
    passed = reverse_gradient(features, 0.5)
    assert torch.equal(passed, features)
    (passed * torch.tensor([3.0, 4.0])).sum().backward()
    assert features.grad.tolist() == [[-1.5, -2.0]]


def test_strength_rises_from_nothing_to_nearly_one():
    assert reversal_strength(0.0) == 0.0
    assert reversal_strength(0.1) == pytest.approx(2 / (1 + math.exp(-1)) - 1)
    assert 0.999 < reversal_strength(1.0) < 1.0


def discriminator():
    """Return an objective whose discriminator says that what is above 0 is of the source, with log odds 2x."""
    objective = DomainConfusion(1, 2)
    objective.discriminator = nn.Sequential(nn.Linear(1, 1, bias=False))
    objective.discriminator[0].weight.data[:] = 2.0
    return objective


def test_loss_is_the_mean_cross_entropy_of_the_domains():
    source, target = torch.tensor([[1.0]]), torch.tensor([[0.5], [0.5], [0.5]])
    found = discriminator()(source, target, torch.zeros(3, 2), 1.0)
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 2
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_features_are_pushed_to_confuse_while_the_discriminator_learns():
    source = torch.tensor([[1.0]], requires_grad=True)
    target = torch.tensor([[-1.0]], requires_grad=True)
    objective = discriminator()
    objective(source, target, torch.zeros(1, 2), 1.0).backward()
    # A step against the gradient takes the source down and the target up, and the discriminator's slope up.
    assert source.grad > 0 > target.grad
    assert objective.discriminator[0].weight.grad < 0


def test_at_the_beginning_features_are_left_alone():
    source = torch.tensor([[1.0]], requires_grad=True)
    discriminator()(source, torch.zeros(1, 1), torch.zeros(1, 2), 0.0).backward()
    assert source.grad == 0


def accuracy_where_a_feature_misleads(trade_off, seed):
    """Return the share of the target that a small network names rightly, trained with so much of the objective.

    Both features tell the classes of the source apart; the second is moved in the target, and tells nothing there.
    """
    draw = np.random.default_rng(seed)
    y = np.arange(256) % 2
    X, target = 0.5 * draw.normal(size=(2, 256, 2)).astype(np.float32)
    X += np.where(y, 1, -1)[:, None]
    target += np.stack([np.where(y, 1, -1), np.full(256, -3)], axis=1)
    torch.manual_seed(seed)
    network, objective = BottleneckNetwork(2, 2, 16), DomainConfusion(16, 16)
    loaders = [train_loader(FeatureBatches(rows, y), 64, seed + i) for i, rows in enumerate((X, target))]
    training = Training(epochs=15, batch_size=64, learning_rate=0.01, weight_decay=0.0, layer_decay=1.0)
    train_on_domains(network, *loaders, None, training, 2, objective, trade_off=trade_off, seed=seed)
    with torch.no_grad():
        return np.mean(network(torch.from_numpy(target)).argmax(1).numpy() == y)


def test_confusion_keeps_a_network_from_what_only_the_source_has():
    without, with_it = (np.mean([accuracy_where_a_feature_misleads(w, seed) for seed in range(3)]) for w in (0.0, 3.0))
    assert with_it > without + 0.1, (without, with_it)
