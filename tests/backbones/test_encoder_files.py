"""What is read from an encoder's folder, and how a folder that lacks something is answered."""

from __future__ import annotations

import pytest

from regraft.backbones.encoder_files import (
    LONGEST,
    layer_count,
    longest,
    millions,
    modules,
    read_files,
    read_json,
    stated_licence,
    transformer_folder,
)
from regraft.errors import WeightsError


def test_files_that_are_missing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"must have config.json and tokenizer.json, but .* lacks tokenizer.json; "):
        read_files(tmp_path)


def test_json(tmp_path):
    file = tmp_path / "a.json"
    assert read_json(file, {"nothing": True}) == {"nothing": True}
    file.write_text('{"a": 1}')
    assert read_json(file, {}) == {"a": 1}
    with pytest.raises(WeightsError, match=r"a.json must hold a list, not dict; fetch it again"):
        read_json(file, [])
    file.write_text("[1]")
    with pytest.raises(WeightsError, match=r"a.json must hold an object, not list; fetch it again"):
        read_json(file, {})
    file.write_text('{"a": ')
    with pytest.raises(WeightsError, match=r"a.json must be JSON, but cannot be read"):
        read_json(file, {})


def test_modules_stay_below_their_folder(tmp_path):
    (tmp_path / "modules.json").write_text('[{"path": "../..", "type": "a.Transformer"}, 3]')
    assert modules(tmp_path) == [{"path": "../..", "type": "a.Transformer"}]
    assert transformer_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("config", "sentences", "tokenizer", "expected"),
    [
        ({}, {}, {}, LONGEST),
        ({"max_position_embeddings": 512}, {"max_seq_length": 256}, {"model_max_length": 512}, 256),
        ({"max_position_embeddings": 514, "model_type": "roberta"}, {"max_seq_length": None}, {}, 512),
        ({"max_position_embeddings": 8192}, {}, {"model_max_length": 10**30}, LONGEST),
    ],
)
def test_how_much_is_read(config, sentences, tokenizer, expected):
    assert longest(config, sentences, tokenizer, 1) == expected


def test_sizes():
    assert (layer_count({"num_hidden_layers": 6}), layer_count({"n_layers": 3}), layer_count({})) == (6, 3, 0)
    assert millions({"vocab_size": 30522, "max_position_embeddings": 512}, 768, 12) == pytest.approx(108.8, abs=0.1)


def test_licences(tmp_path):
    assert stated_licence(tmp_path) == "not stated"
    (tmp_path / "README.md").write_text("# license: none of this counts\n")
    assert stated_licence(tmp_path) == "not stated"
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\ntags: [a]\n---\n")
    assert stated_licence(tmp_path) == "apache-2.0"
