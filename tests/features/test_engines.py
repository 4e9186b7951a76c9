"""Which engine and which precision: the fastest that has shown to agree with float32, and said so."""

import json

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.features import engines
from regraft.features.engine_openvino import UnsupportedNetwork, engine_folder
from regraft.features.engine_torch import TorchEngine
from regraft.features.engines import (
    MINIMUM_COSINE,
    available_precisions,
    engine_name,
    mean_cosine,
    open_engine,
    settle_precision,
)


class Blurred:
    """An engine whose features are off by as much as its precision is coarse."""

    name, batch, width = "openvino", 16, 32

    def __init__(self, precision: str, error: float) -> None:
        self.precision, self.error = precision, error

    def start(self, sink):
        self.sink = sink

    def submit(self, tags, pixels):
        random = np.random.default_rng(0)
        exact = random.normal(size=(len(tags), self.width))
        self.sink(tags, (exact + self.error * random.normal(size=exact.shape)).astype(np.float32))

    def finish(self):
        pass


@pytest.fixture
def processor(monkeypatch):
    """Return a function that sets the machine's precisions and their errors; it lists what is opened."""

    def set_(**errors):
        opened = []

        def open_(backbone, kind, precision, root):
            opened.append(precision)
            return Blurred(precision, errors[precision])

        monkeypatch.setattr(engines, "available_precisions", lambda kind: tuple(errors))
        monkeypatch.setattr(engines, "open_engine", open_)
        return opened

    return set_


@pytest.fixture
def settle(tiny, noise, tmp_path):
    """Return a function that settles the precision of a backbone on a few images."""

    def settle_(wanted="auto", examples=None, backbone=None):
        examples = [noise(i) for i in range(20)] if examples is None else examples
        return settle_precision(backbone or tiny(), "openvino", wanted, examples, tmp_path)

    return settle_


@pytest.fixture
def record(tiny, tmp_path):
    return engine_folder(tiny(), tmp_path).with_suffix(".openvino.json")


# --- precision --------------------------------------------------------------------------------------


def test_the_fastest_that_agrees_is_taken_and_recorded(processor, settle, record):
    opened = processor(bf16=0.01, mixed=0.001, f32=0.0)
    assert settle() == "bf16"
    kept = json.loads(record.read_text())
    assert kept["precision"] == "bf16"
    assert MINIMUM_COSINE <= kept["cosine"] < 1
    assert opened == ["f32", "bf16"]


def test_the_next_is_taken_where_the_fastest_does_not_agree(processor, settle, record):
    processor(bf16=0.2, mixed=0.01, f32=0.0)
    assert settle() == "mixed"
    assert json.loads(record.read_text())["precision"] == "mixed"


def test_float32_is_taken_where_nothing_agrees_and_recorded(processor, settle, record):
    processor(bf16=0.2, mixed=0.1, f32=0.0)
    assert settle() == "f32"
    assert json.loads(record.read_text()) == {"precision": "f32", "cosine": 1.0}


def test_not_a_number_does_not_agree(processor, settle):
    processor(bf16=np.nan, f32=0.0)
    assert settle() == "f32"


def test_what_was_settled_is_not_tried_again(processor, settle):
    opened = processor(bf16=0.01, f32=0.0)
    settle()
    opened.clear()
    assert settle() == "bf16"
    assert opened == []


def test_each_backbone_is_tried_by_itself(processor, settle, tiny):
    opened = processor(bf16=0.01, f32=0.0)
    settle()
    opened.clear()
    settle(backbone=tiny(64))
    assert opened == ["f32", "bf16"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"cosine": 1}', '{"precision": "int4"}', '{"precision": ["f32"]}']
)
def test_a_record_that_says_nothing_for_this_machine_is_made_anew(text, processor, settle, record):
    processor(bf16=0.01, f32=0.0)
    record.parent.mkdir(parents=True)
    record.write_text(text)
    assert settle() == "bf16"
    assert json.loads(record.read_text())["precision"] == "bf16"


def test_a_record_that_cannot_be_written_does_not_matter(processor, settle, tmp_path):
    (tmp_path / "engines").write_text("a file in its place")
    processor(bf16=0.01, f32=0.0)
    assert settle() == "bf16"


def test_nothing_is_settled_on_no_images(processor, settle, record):
    opened = processor(bf16=0.01, f32=0.0)
    assert settle(examples=[]) == "f32"
    assert settle(examples=[b"", b"<html>"]) == "f32"
    assert not record.exists()
    assert opened == []


def test_unreadable_images_are_passed_over(processor, settle, noise):
    processor(bf16=0.01, f32=0.0)
    assert settle(examples=[b"", b"", noise(1)]) == "bf16"


def test_only_the_first_images_are_looked_at(processor, settle, noise):
    looked = []

    class Recording:
        def __len__(self):
            return 10**6

        def __getitem__(self, position):
            looked.append(position)
            return noise(position)

    processor(bf16=0.01, f32=0.0)
    settle(examples=Recording())
    assert looked == list(range(16))


def test_a_wanted_precision_is_taken_as_it_is(processor, settle):
    opened = processor(bf16=0.9, f32=0.0)
    assert settle("bf16") == "bf16"
    assert settle("mixed") == "f32"
    assert opened == []


def test_a_processor_with_one_precision_has_no_choice(processor, settle, record):
    opened = processor(f32=0.0)
    assert settle() == "f32"
    assert opened == []
    assert not record.exists()


def test_an_engine_that_computes_in_float32_after_all_is_recorded_as_such(processor, settle, record, monkeypatch):
    """As on a disk that cannot keep the graph for the faster precision."""
    processor(bf16=0.0, f32=0.0)
    monkeypatch.setattr(engines, "open_engine", lambda backbone, kind, precision, root: Blurred("f32", 0.0))
    assert settle() == "f32"
    assert json.loads(record.read_text())["precision"] == "f32"


# --- mean cosine ------------------------------------------------------------------------------------


def test_mean_cosine():
    a = np.array([[1, 0], [0, 2], [3, 3]], np.float32)
    assert mean_cosine(a, a) == pytest.approx(1)
    assert mean_cosine(a, 5 * a) == pytest.approx(1)
    assert mean_cosine(a, -a) == pytest.approx(-1)
    assert mean_cosine(a, np.array([[0, 1], [0, 1], [1, 1]], np.float32)) == pytest.approx(2 / 3)


def test_mean_cosine_of_rows_without_length_or_number():
    zero, one, unknown = np.zeros((1, 2)), np.ones((1, 2)), np.full((1, 2), np.nan)
    assert mean_cosine(zero, zero) == 1
    assert mean_cosine(zero, one) == 0
    assert mean_cosine(unknown, one) == 0
    assert mean_cosine(one, np.array([[np.inf, 1]])) == 0


# --- engines ----------------------------------------------------------------------------------------


def test_engine_names(monkeypatch):
    assert engine_name("openvino") == "openvino"
    assert engine_name("torch") == "torch"
    monkeypatch.setattr(engines, "graphics_card", lambda: None)
    assert engine_name("auto") == "openvino"
    assert available_precisions("torch") == ("f32",)
    monkeypatch.setattr(engines, "graphics_card", lambda: "cuda")
    assert engine_name("auto") == "torch"
    assert available_precisions("torch") == ("f16", "f32")
    with pytest.raises(UsageError, match="--engine must be auto, openvino or torch, not 'gpu'"):
        engine_name("gpu")


def test_every_processor_has_float32_and_it_is_the_last():
    assert available_precisions("openvino")[-1] == "f32"


def test_torch_runs_what_openvino_cannot(small, tmp_path, monkeypatch):
    class Refusing:
        def __init__(self, *args):
            raise UnsupportedNetwork("no such operation")

    monkeypatch.setattr(engines, "OpenVINOEngine", Refusing)
    engine = open_engine(small, "openvino", "bf16", tmp_path)
    assert isinstance(engine, TorchEngine)
    assert (engine.name, engine.precision, engine.device) == ("torch", "f32", "cpu")
    assert isinstance(open_engine(small, "torch", "f32", tmp_path), TorchEngine)
