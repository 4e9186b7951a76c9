"""The rows of an index nearest to others: all compared, or the shortlist of a graph of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.exploration.index import Index
from regraft.heads.scoring import nearest_first, unit_rows

EXACT_UP_TO = 100_000
"""Images that are all compared. More, and an index file has a graph of neighbours, whose answers are nearly exact;
without a file, all are compared still, since making the graph takes far longer than one comparison."""

SHORTLIST = 8
"""Neighbours that the graph is asked for, for each that is wanted; their exact cosines decide."""

ROWS = 8_192


class Nearest:
    """Finds the images of an index nearest to others by the cosine of centred features."""

    def __init__(self, index: Index) -> None:
        self.features = index.features
        self.mean = _mean(index.features)
        self.graph = index.graph
        self.method = "exact" if index.graph is None else "hnsw"

    def find(self, values: npt.NDArray[np.float32], n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the similarities (q, n) and rows (q, n) nearest to features (q, d), the nearest first."""
        # Rounded as the collection is, so that the same image is the same point.
        queries = unit_rows(rounded(values).astype(np.float32) - self.mean)
        n = min(n, len(self.features))
        return self._all(queries, n) if self.graph is None else self._shortlisted(queries, n)

    def _all(self, queries: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        cosines = np.empty((len(queries), len(self.features)), np.float32)
        for start in range(0, len(self.features), ROWS):
            cosines[:, start : start + ROWS] = queries @ self._rows(slice(start, start + ROWS)).T
        return nearest_first(cosines, n)

    def _shortlisted(self, queries: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        usearch = import_or_raise("usearch.index", "explore")
        graph = usearch.Index.restore(self.graph.tobytes())  # type: ignore[union-attr]
        similarities, rows = [], []
        for query in queries:
            candidates = np.asarray(graph.search(query, min(SHORTLIST * n, len(self.features))).keys, np.int64)
            cosines = self._rows(candidates) @ query
            order = np.argsort(-cosines, kind="stable")[:n]
            similarities.append(cosines[order])
            rows.append(candidates[order])
        return np.stack(similarities), np.stack(rows)

    def _rows(self, which: Any) -> npt.NDArray[np.float32]:
        return unit_rows(self.features[which].astype(np.float32) - self.mean)


def rounded(values: np.ndarray) -> npt.NDArray[np.float16]:
    """Return features as an index keeps them."""
    # Half the size, for an error of 0.0001 in the cosine; that of networks in bf16 is ten times as large.
    largest = np.finfo(np.float16).max
    return np.clip(values, -largest, largest).astype(np.float16)


def _mean(features: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    if len(features) == 1:
        return np.zeros(features.shape[1], np.float32)  # centred, a single image would have no direction
    return features.mean(axis=0, dtype=np.float64).astype(np.float32)


def graph(features: npt.NDArray[np.float16]) -> npt.NDArray[np.uint8]:
    """Return the graph of nearest neighbours of centred features, as bytes."""
    usearch = import_or_raise("usearch.index", "explore")
    built = usearch.Index(ndim=features.shape[1], metric="cos", dtype="f16")
    mean = _mean(features)
    for start in range(0, len(features), ROWS):
        rows = unit_rows(features[start : start + ROWS].astype(np.float32) - mean)
        built.add(np.arange(start, start + len(rows)), rows)
    return np.frombuffer(built.save(), np.uint8)
