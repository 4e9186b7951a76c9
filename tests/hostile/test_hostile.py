"""A slice of the corpus through all three entrances; benchmarks/hostile.py runs 20,000 files, and heavy ones."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("soxr")
pytest.importorskip("soundfile")
pytest.importorskip("uvicorn")

from hostile.corpus import Hostile, corpus
from hostile.processes import Home
from hostile.runner import run

FILES = 1000


@pytest.fixture(scope="module")
def files() -> list[Hostile]:
    return list(corpus(FILES, seed=1))


@pytest.mark.parametrize("entrance", ["predict", "fit", "serve"])
def test_hostile_files_are_answered_or_refused_in_a_sentence(home: Home, files: list[Hostile], entrance: str) -> None:
    outcomes = list(run(files, home, (entrance,)))
    assert [outcome for outcome in outcomes if outcome.fault] == []
    assert {outcome.file for outcome in outcomes} >= {file.name for file in files if file.kind == "jpeg"}
    counts = Counter(outcome.outcome for outcome in outcomes)
    assert counts["answered"] > 0
    assert counts["refused"] > 0
    assert [path.name for path in home.data.iterdir()] == []
