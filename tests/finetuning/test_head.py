import json

import numpy as np
import pytest
import torch
from torch import nn

from regraft.errors import UsageError
from regraft.finetuning.head import build_head, head_state, start_from
from regraft.heads.logistic import LogisticHead
from regraft.heads.mlp import MLPHead
from regraft.heads.scoring import SCORERS

FEATURES = np.random.default_rng(0).normal(size=(7, 12)).astype(np.float32)


def trained(head):
    """Return a head whose every number, statistics too, is away from how it was born."""
    torch.manual_seed(3)
    for tensor in head.state_dict().values():
        if tensor.is_floating_point():
            tensor += torch.rand_like(tensor)
    return head


def expected(head, inverse_temperature=1.0):
    with torch.no_grad():
        return (inverse_temperature * head.eval()(torch.from_numpy(FEATURES)).double()).softmax(1).numpy()


@pytest.mark.parametrize("inverse_temperature", [1.0, 0.37])
@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"kind": "linear"}, "logistic"),
        ({"kind": "mlp", "batch_norm": True}, "logistic"),
        ({"kind": "mlp", "units": (9,)}, "mlp"),
        ({"kind": "mlp", "units": (9, 5), "dropout": 0.5, "batch_norm": True}, "mlp"),
    ],
)
def test_what_is_stored_scores_as_the_head_does(settings, name, inverse_temperature):
    head = trained(build_head(d=12, k=3, **settings))
    found_name, tensors, kept = head_state(head, inverse_temperature)
    assert found_name == name
    assert all(tensor.dtype == np.float32 for tensor in tensors.values())
    np.testing.assert_allclose(SCORERS[name](FEATURES, tensors, kept), expected(head, inverse_temperature), atol=1e-6)


@pytest.mark.parametrize(("settings", "estimator"), [({"kind": "linear"}, LogisticHead), ({"kind": "mlp"}, MLPHead)])
def test_the_estimators_take_what_is_stored(settings, estimator):
    units = {"units": (4,)} if settings["kind"] == "mlp" else {}
    head = trained(build_head(d=12, k=3, **settings, **units))
    _, tensors, kept = head_state(head)
    again = estimator.from_state(tensors, json.loads(json.dumps(kept)), ["a", "b", "c"])
    np.testing.assert_allclose(again.predict_proba(FEATURES), expected(head), atol=1e-6)


def test_the_layers_of_a_published_head():
    head = build_head("mlp", 8192, 5, units=(2048, 1024), dropout=0.3, batch_norm=True)
    block = [nn.BatchNorm1d, nn.Linear, nn.ReLU, nn.Dropout]
    assert [type(layer) for layer in head] == [*block, *block, nn.BatchNorm1d, nn.Linear]
    assert head[3].p == 0.3
    assert [layer.out_features for layer in head if isinstance(layer, nn.Linear)] == [2048, 1024, 5]
    for layer in head:
        if isinstance(layer, nn.Linear):
            assert float(layer.weight.detach().std()) == pytest.approx((2 / layer.in_features) ** 0.5, rel=0.05)
            assert not layer.bias.any()


def test_the_callers_seed_decides():
    heads = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        heads.append(build_head("mlp", 12, 3, units=(4,))[0].weight)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_linear_head_starts_from_a_probe():
    y = np.arange(7) % 3
    probe = LogisticHead(C=10.0, powers=(1.0,)).fit(FEATURES, y)
    tensors, _ = probe.state()
    head = build_head("linear", 12, 3)
    start_from(head, tensors["coef"], tensors["intercept"])
    np.testing.assert_allclose(expected(head), probe.predict_proba(FEATURES), atol=1e-6)
    assert head[0].weight.requires_grad


@pytest.mark.parametrize("head", [build_head("linear", 12, 2), build_head("mlp", 12, 3, units=(4,))])
def test_a_probe_that_does_not_fit(head):
    with pytest.raises(ValueError, match=r"the head must have parameters \(3, 12\) and \(3,\) as the probe"):
        start_from(head, np.zeros((3, 12)), np.zeros(3))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "knn"}, "must be linear or mlp, not 'knn'"),
        ({"kind": "linear", "units": (4,)}, "must go with the head mlp, not linear; choose --head mlp"),
        ({"kind": "linear", "dropout": 0.1}, "must go with the head mlp"),
        ({"kind": "linear", "batch_norm": True}, "must go with the head mlp"),
        ({"kind": "mlp", "units": (4, 0)}, r"units must be 1 or more in each hidden layer, not \(4, 0\)"),
        ({"kind": "mlp", "dropout": 1.0}, "dropout must be from 0 to below 1, not 1.0"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises(UsageError, match=words):
        build_head(d=12, k=3, **settings)
