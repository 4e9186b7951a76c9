import numpy as np
import pytest
import torch

from regraft.errors import UsageError
from regraft.heads.mlp import MLPHead, _folded


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("units", [(), (9,), (9, 7)])
def test_folded_maps_are_the_network(units, batch_norm):
    torch.manual_seed(0)
    network = MLPHead(units=units, batch_norm=batch_norm)._network(5, 3)
    X = torch.randn(64, 5) * 2 + 1
    mean, spread = np.full(5, 0.7, np.float32), 1.7
    network.train()
    for _ in range(5):
        network((X - 0.7) / spread)
    network.eval()
    tensors = _folded(network, mean, spread, 2.5)
    values = X.numpy()
    for i in range(len(units) + 1):
        values = np.maximum(values, 0) if i else values
        values = values @ tensors[f"weight_{i}"].T + tensors[f"bias_{i}"]
    np.testing.assert_allclose(values, 2.5 * network((X - 0.7) / spread).detach().numpy(), atol=1e-4)


def test_learns_what_no_linear_head_can():
    random = np.random.default_rng(0)
    X = random.normal(size=(600, 2)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    head = MLPHead(units=(64,), dropout=0.0, epochs=40).fit(X[:400], y[:400])
    assert head.score(X[400:], y[400:]) > 0.9


def test_seed_decides(blobs):
    X, y = blobs()
    one, two = (MLPHead(seed=seed, epochs=2).fit(X, y).tensors_["weight_0"] for seed in (1, 2))
    assert not np.allclose(one, two)


def test_global_random_state_of_torch_is_left_alone(blobs):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    MLPHead(epochs=1).fit(*blobs())
    assert torch.rand(1) == expected


def test_stops_early_where_nothing_is_learnt(blobs):
    X, _ = blobs(spread=0)
    y = np.random.default_rng(0).integers(0, 2, len(X))
    head = MLPHead(epochs=60, patience=3).fit(X, y)
    assert head.settings_["epochs"] < 30
    assert head.predict_proba(X).max() < 0.95


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"units": (0,)}, "units, epochs and patience must be 1 or more"),
        ({"epochs": 0}, "must be 1 or more and batch_size 2 or more, not units"),
        ({"batch_size": 1}, "batch_size=1"),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1, not 1.0"),
        ({"validation_share": 0.6}, "validation_share must be above 0 and at most 0.5, not 0.6"),
    ],
)
def test_settings_out_of_range(settings, words, blobs):
    with pytest.raises(UsageError, match=words):
        MLPHead(**settings).fit(*blobs())
