"""The rows nearest to others."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.exploration import nearest
from regraft.exploration.index import Entry, Index
from regraft.exploration.nearest import Nearest, graph, rounded


def index_of(values: np.ndarray, made=None) -> Index:
    return Index(tuple(Entry(str(i), "s", str(i)) for i in range(len(values))), values, [], made)


@pytest.fixture
def values() -> np.ndarray:
    return rounded(np.random.default_rng(0).uniform(size=(300, 12)))


def test_all_are_compared_whatever_the_chunks(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = np.random.default_rng(1).uniform(size=(4, 12)).astype(np.float32)
    monkeypatch.setattr(nearest, "ROWS", 77)
    similarities, rows = Nearest(index_of(values)).find(queries, 5)
    wide = values.astype(np.float64)
    centred, asked = wide - wide.mean(axis=0), rounded(queries).astype(np.float64) - wide.mean(axis=0)
    cosines = asked @ centred.T / np.linalg.norm(asked, axis=1)[:, None] / np.linalg.norm(centred, axis=1)
    assert np.array_equal(rows, np.argsort(-cosines, axis=1)[:, :5])
    assert similarities == pytest.approx(-np.sort(-cosines, axis=1)[:, :5], abs=1e-5)


def test_the_graph_finds_nearly_all(values: np.ndarray) -> None:
    pytest.importorskip("usearch")
    queries = np.random.default_rng(1).uniform(size=(20, 12)).astype(np.float32)
    exact, near = Nearest(index_of(values)), Nearest(index_of(values, graph(values)))
    assert (exact.method, near.method) == ("exact", "hnsw")
    both = zip(exact.find(queries, 6)[1], near.find(queries, 6)[1], strict=True)
    assert np.mean([len(set(a) & set(b)) / 6 for a, b in both]) > 0.95


def test_a_row_is_nearest_to_itself(values: np.ndarray) -> None:
    similarities, rows = Nearest(index_of(values)).find(values[[7, 9]].astype(np.float32), 1)
    assert rows.tolist() == [[7], [9]]
    assert similarities == pytest.approx(np.ones((2, 1)), abs=1e-5)


def test_more_than_there_are() -> None:
    assert Nearest(index_of(rounded(np.eye(3)))).find(np.eye(3, dtype=np.float32), 9)[1].shape == (3, 3)


def test_values_too_large_to_keep_stay_finite() -> None:
    assert np.isfinite(rounded(np.array([[1e9, -1e9]]))).all()
