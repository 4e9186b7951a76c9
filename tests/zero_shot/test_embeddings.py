"""Texts are embedded once; what the encoder does not understand is said."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.zero_shot import embeddings
from regraft.zero_shot.embeddings import doubts, embedded

from .conftest import words_shared


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path))


def test_a_text_is_embedded_once(encoder, own_cache):
    texts = ["a cat", "a dog", "a cat", "café"]
    first = embedded(texts)
    assert encoder == ["a cat", "a dog", "café"]
    assert np.array_equal(embedded(texts[::-1]), first[::-1])
    assert len(encoder) == 3
    assert np.allclose(first[:2], words_shared(texts[:2]))
    assert embedded([]).shape == (0, 384)


def test_what_takes_time_is_said(encoder, own_cache, monkeypatch):
    said = []
    monkeypatch.setattr(embeddings, "SAY_FROM", 3)
    embedded(["a", "b"], said.append)
    assert said == []
    embedded(["a", "c", "d", "e"], said.append)
    assert said == ["Embedding 3 names and definitions, once on this machine."]


def test_the_cache_can_be_cleared(encoder, own_cache, tmp_path):
    from regraft.features import cache

    embedded(["a cat"])
    assert [entry.images for entry in cache.info()] == [1]
    cache.clear()
    assert not list((tmp_path / "features").iterdir())


def test_what_is_not_understood(encoder):
    assert doubts(["cat", "dog"], ["a small pet that purrs", ""]) == []
    [foreign] = doubts(["кошка", "dog"], ["", "it barks"])
    assert foreign.endswith("there is another script in 'кошка'.")
    [strange] = doubts(["cat", "dog"], ["zzein zztier das zzschnurrt", "a pet that barks"])
    assert "of 'cat' it knows about half of the words only in pieces" in strange
    assert doubts(["cat"], ["zzein zztier zzda"]) == []  # too short to tell
    [long] = doubts(["cat"], ["a pet " * 200])
    assert long == "The text model reads about 200 words; the rest of 'cat' is not looked at."
    assert doubts(["é"] * 7, ["ü"] * 7) == []
    [many] = doubts([f"猫{i}" for i in range(7)], [""] * 7)
    assert many.endswith("'猫4', ....")
