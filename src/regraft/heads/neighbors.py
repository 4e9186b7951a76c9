"""k nearest neighbours by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import UsageError
from regraft.heads.base import Head
from regraft.heads.scoring import CHUNK, nearest_first, neighbor_votes, smoothed, unit_rows

CHOSEN_ON = 2000
"""Most training examples that are classified by the others to choose the settings."""


class NeighborsHead(Head):
    """Votes of the training examples nearest by cosine of the centred features.

    A neighbour's vote is exp((similarity - the nearest one's similarity) / temperature), and every class
    gets a share of `smoothing` votes, so no probability is 0.

    Parameters
    ----------
    n_neighbors : sequence of int
        Numbers of neighbours to choose from.
    temperatures : sequence of float
        Temperatures to choose from, in units of cosine.
    smoothings : sequence of float
        Smoothings to choose from, in votes.

    Notes
    -----
    The three have the least log loss when each training example (2,000 at random, if there are
    more) is classified by the others, those of its own group left out.

    References
    ----------
    Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, 2018 (the weights).
    """

    method = "knn"

    def __init__(
        self,
        n_neighbors: Sequence[int] = (1, 3, 5, 10, 20, 40),
        temperatures: Sequence[float] = (0.03, 0.07, 0.15),
        smoothings: Sequence[float] = (0.1, 0.3, 1.0),
    ):
        self.n_neighbors = n_neighbors
        self.temperatures = temperatures
        self.smoothings = smoothings

    def _learn(
        self, X: npt.NDArray[np.float32], y: npt.NDArray[np.intp], k: int, groups: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        for name in ("n_neighbors", "temperatures", "smoothings"):
            values = getattr(self, name)
            if not len(values) or min(values) <= 0:
                raise UsageError(f"{name} must be one or more numbers above 0, not {values!r}")
        mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        examples = unit_rows(X - mean)
        tensors = {"mean": mean, "examples": examples, "labels": y.astype(np.int32)}
        return tensors, {"n_classes": k, **self._choose(examples, y, k, groups)}

    def _choose(self, examples: np.ndarray, y: np.ndarray, k: int, groups: np.ndarray | None) -> dict[str, float]:
        counts = sorted({min(int(count), len(y) - 1) for count in self.n_neighbors})
        choices = [
            {"n_neighbors": count, "temperature": float(temperature), "smoothing": float(smoothing)}
            for count in counts
            for temperature in self.temperatures
            for smoothing in self.smoothings
        ]
        losses = np.zeros(len(choices))
        chosen_on = np.random.default_rng(0).permutation(len(y))[:CHOSEN_ON]
        for start in range(0, len(chosen_on), CHUNK):
            rows = chosen_on[start : start + CHUNK]
            nearest, labels = _other_neighbors(examples, y, groups, rows, counts[-1])
            losses += _losses(nearest, labels, y[rows], k, choices)
        return choices[int(np.argmin(losses))]


def _other_neighbors(
    examples: np.ndarray, y: np.ndarray, groups: np.ndarray | None, rows: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and labels (m, count) of the nearest examples outside each row's own group."""
    own = np.arange(len(y)) if groups is None else groups
    similarity = examples[rows] @ examples.T
    # A cosine is never below -1; -9 is last in every row and has no vote left at any temperature.
    similarity[own[rows][:, None] == own[None, :]] = -9.0
    nearest, order = nearest_first(similarity, count)
    return nearest, y[order]


def _losses(
    nearest: np.ndarray, labels: np.ndarray, y: np.ndarray, k: int, choices: list[dict[str, float]]
) -> np.ndarray:
    """Return the summed log loss (choices,) of the true classes y (m,)."""
    losses = np.empty(len(choices))
    votes, made = np.empty(0), (0, 0.0)
    for i, choice in enumerate(choices):
        count, temperature = int(choice["n_neighbors"]), choice["temperature"]
        if made != (count, temperature):
            votes = neighbor_votes(nearest[:, :count], labels[:, :count], k, temperature)
            made = (count, temperature)
        proba = smoothed(votes, choice["smoothing"])
        losses[i] = -np.log(proba[np.arange(len(y)), y]).sum()
    return losses
