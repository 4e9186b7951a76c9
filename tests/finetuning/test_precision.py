import json

import pytest
import torch

from regraft.finetuning import precision
from regraft.finetuning.head import build_head
from regraft.finetuning.network import TrainedNetwork
from regraft.finetuning.precision import settle

SAMPLE = torch.rand(4, 8)


@pytest.fixture
def network():
    return TrainedNetwork(None, build_head("linear", 8, 3), (), None)


@pytest.fixture
def timed(monkeypatch):
    """Return a function that makes steps take these seconds, and the list of what was measured."""
    asked = []

    def make(f32, bf16):
        times = {(False, 0): f32[0], (False, 1): f32[1], (True, 0): bf16[0], (True, 1): bf16[1]}

        def seconds(network, inputs, bf16):
            asked.append(bf16)
            return times[bf16, (len(asked) - 1) % 2]

        monkeypatch.setattr(precision, "_seconds", seconds)
        return asked

    return make


CONTIGUOUS, LAST = torch.contiguous_format, torch.channels_last


@pytest.mark.parametrize(
    ("f32", "bf16", "wanted", "expected"),
    [
        ((1.0, 2.0), (0.5, 0.9), "auto", ("bf16", CONTIGUOUS)),
        ((1.0, 2.0), (0.9, 0.4), "auto", ("bf16", LAST)),
        ((1.0, 2.0), (0.9, 0.9), "auto", ("f32", CONTIGUOUS)),  # bf16 rounds: a little faster is not worth it
        ((2.0, 1.0), (9.0, 9.0), "auto", ("f32", LAST)),
        ((1.0, 2.0), (0.5, 0.9), "f32", ("f32", CONTIGUOUS)),
        ((1.0, 2.0), (9.0, 8.0), "bf16", ("bf16", LAST)),
    ],
)
def test_the_fastest_is_taken(network, timed, tmp_path, f32, bf16, wanted, expected):
    timed(f32, bf16)
    assert settle(network, SAMPLE, wanted, tmp_path / "r.json") == expected


def test_it_is_measured_once(network, timed, tmp_path):
    asked = timed((1.0, 1.0), (0.1, 0.1))
    record = tmp_path / "engines" / "r.json"
    for wanted, expected in (("auto", "bf16"), ("auto", "bf16"), ("f32", "f32")):
        assert settle(network, SAMPLE, wanted, record)[0] == expected
    assert len(asked) == 4


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"f32 contiguous": "x"}', "null"])
def test_a_damaged_record_is_measured_again(network, timed, tmp_path, damage):
    asked = timed((1.0, 1.0), (0.1, 0.1))
    (tmp_path / "r.json").write_text(damage)
    assert settle(network, SAMPLE, "auto", tmp_path / "r.json")[0] == "bf16"
    assert len(asked) == 4
    assert len(json.loads((tmp_path / "r.json").read_text())) == 4


def test_where_nothing_can_be_written_it_is_measured_each_time(network, timed, tmp_path):
    asked = timed((1.0, 1.0), (0.1, 0.1))
    (tmp_path / "file").touch()
    for _ in range(2):
        assert settle(network, SAMPLE, "auto", tmp_path / "file" / "r.json")[0] == "bf16"
    assert len(asked) == 8


def test_measuring_leaves_the_network_as_it_was(network, tmp_path):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.eval()
    assert settle(network, (SAMPLE * 255).byte(), "auto", tmp_path / "r.json")[0] in ("f32", "bf16")
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network.training
    assert all(p.grad is None for p in network.parameters())
    assert set(json.loads((tmp_path / "r.json").read_text())) == {
        f"{p} {f}" for p in ("f32", "bf16") for f in ("contiguous", "channels_last")
    }
