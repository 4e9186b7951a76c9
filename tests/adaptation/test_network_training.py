import numpy as np
import pytest
import torch

from regraft.adaptation.bottleneck import BottleneckNetwork
from regraft.adaptation.network_training import FeatureBatches, train_on_domains
from regraft.errors import RegraftError, UsageError
from regraft.finetuning.batches import train_loader
from regraft.finetuning.settings import Training


class Remembers(torch.nn.Module):
    """An objective that keeps what it is called with."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.calls = []

    def forward(self, source, target, logits, progress):
        self.calls.append((len(source), len(target), tuple(logits.shape), progress))
        return self.weight.square()


def train(n, m, objective, rows=None, epochs=2):
    torch.manual_seed(0)
    network = BottleneckNetwork(3, 2, 4)
    rows = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32) if rows is None else rows
    source = train_loader(FeatureBatches(rows, np.arange(n) % 2), 4, 0)
    target = train_loader(FeatureBatches(np.ones((m, 3), np.float32), np.zeros(m, np.int64)), 4, 1)
    training = Training(epochs=epochs, batch_size=4, learning_rate=0.1, weight_decay=0.0, layer_decay=1.0)
    train_on_domains(network, source, target, None, training, 2, objective)
    return network


def test_an_epoch_passes_through_the_larger_domain():
    objective = Remembers()
    train(4, 12, objective)
    assert [call[:3] for call in objective.calls] == [(4, 4, (4, 2))] * 6
    assert [call[3] for call in objective.calls] == pytest.approx(np.arange(6) / 6)


def test_what_an_objective_has_to_learn_is_learnt():
    objective = Remembers()
    train(8, 8, objective, epochs=20)
    assert objective.weight.abs() < 0.8


def test_a_loss_that_is_no_number():
    rows = np.full((4, 3), np.nan, np.float32)
    with pytest.raises(RegraftError, match="The training must converge, but the loss is no longer a number at step 1"):
        train(4, 4, None, rows)


def test_two_domains_are_for_one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "0" if "RANK" in name else "2")
    with pytest.raises(UsageError, match="A training on two domains must be run by one process, but 2 were started"):
        train(4, 4, None)
