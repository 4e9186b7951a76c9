"""regraft cache: what is kept, and letting go of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.features.cache import FeatureCache

Cli = Callable[..., Any]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache of three images, apart from the one that the tests share."""
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    producer = {
        "backbone": "lite",
        "weights": "ab" * 32,
        "preprocessing": {"size": 96, "resize": "crop"},
        "pool": "avg",
    }
    store = FeatureCache({**producer, "precision": "f32"})
    for i in range(3):
        store.put(f"{i}" * 64, np.ones(5, np.float32))
    store.close()
    return tmp_path / "cache"


def test_info_says_where_and_what(cli: Cli, own: Path) -> None:
    first, entry = cli("cache", "info").out.splitlines()
    assert re.fullmatch(rf"{own}: 0\.\d MB of features \(REGRAFT_CACHE moves it\)", first)
    assert entry.split()[:3] == ["lite", "3", "images"]
    assert "96 px crop, pool avg, f32, weights abababababab" in entry
    found = json.loads(cli("cache", "info", "--json").out)
    assert found["path"] == str(own)
    assert found["entries"][0]["producer"]["backbone"] == "lite"


def test_clear_frees_it_and_touches_nothing_else(cli: Cli, own: Path) -> None:
    (own / "mine.txt").write_text("mine")
    ran = cli("cache", "clear")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith(f"MB freed in {own}\n")
    assert json.loads(cli("cache", "info", "--json").out)["entries"] == []
    assert (own / "mine.txt").read_text() == "mine"


def test_an_absent_cache_is_empty(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "nowhere"))
    assert cli("cache", "info").out.startswith(f"{tmp_path / 'nowhere'}: 0.0 MB")
    assert cli("cache", "clear").code == 0
    assert not (tmp_path / "nowhere").exists()


def test_texts_and_mirrored_views_are_told_apart(cli: Cli, own: Path) -> None:
    text = {"backbone": "mini", "pool": "mean"}
    mirrored = {"backbone": "lite", "preprocessing": {"size": 96, "resize": "crop", "mirror": True}}
    for producer in (text, mirrored):
        store = FeatureCache(producer)
        store.put("0" * 64, np.ones(5, np.float32))
        store.close()
    lines = [" ".join(line.split()) for line in cli("cache", "info").out.splitlines()]
    assert any(line.startswith("mini 1 texts 0.") and line.endswith("MB pool mean") for line in lines)
    assert any(line.startswith("lite 1 images 0.") and line.endswith("MB 96 px crop, mirrored") for line in lines)
