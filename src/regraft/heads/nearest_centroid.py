"""Nearest class centroid after centring and L2 normalisation: SimpleShot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted

from regraft.heads.base import Head
from regraft.heads.scoring import CHUNK, softmax, unit_rows
from regraft.heads.temperature import fit_temperature


class NearestCentroidHead(Head):
    """The class whose mean feature is nearest, once features are centred and have unit length.

    Probabilities are the softmax of minus the squared distances times a scale, which has the least log loss
    when each example is scored against centroids that it (and its group) had no part in.

    References
    ----------
    Wang et al., SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning, 2019.
    """

    method = "centroid"

    def _learn(
        self, X: npt.NDArray[np.float32], y: npt.NDArray[np.intp], k: int, groups: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        X = unit_rows(X - mean)
        centroids = (_sums(X, y, k) / np.bincount(y)[:, None]).astype(np.float32)
        logits, known = _left_out_logits(X, y, centroids, groups)
        scale = fit_temperature(logits[known], y[known])[0] if known.any() else 10.0
        return {"mean": mean, "centroids": centroids}, {"scale": scale}

    def out_of_fold(
        self,
        X: npt.NDArray[np.float32],
        y: npt.NDArray[np.intp],
        pairs: Sequence[tuple[np.ndarray, np.ndarray]],
        groups: np.ndarray | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return the probabilities of examples not seen: of many folds, by new centroids in the same space."""
        if len(pairs) < MANY_FOLDS:
            return super().out_of_fold(X, y, pairs, groups)
        check_is_fitted(self)
        k = int(y.max()) + 1
        unit = unit_rows(X - self.tensors_["mean"])
        total, count = _sums(unit, y, k), np.bincount(y, minlength=k)
        logits = []
        for train, test in pairs:
            out = np.setdiff1d(np.arange(len(y)), train)
            left = count - np.bincount(y[out], minlength=k)
            centroids = (total - _sums(unit[out], y[out], k)) / np.maximum(left, 1)[:, None]
            distances = 2 * unit[test] @ centroids.T - np.sum(centroids**2, axis=1)
            distances[:, left == 0] = distances.min() - 1  # a class that the fold has not seen
            logits.append(distances)
        return softmax(np.concatenate(logits) * self.settings_["scale"])


MANY_FOLDS = 20
"""From so many on, what one of them leaves out moves mean and scale by next to nothing, and only centroids are anew."""


def _sums(X: np.ndarray, part: np.ndarray, count: int) -> np.ndarray:
    """Return the sums (count, d) of the rows of X in each part."""
    n = len(part)
    members = csr_array((np.ones(n, X.dtype), (part, np.arange(n))), shape=(count, n))
    return members @ X


def _left_out_logits(
    X: np.ndarray, y: np.ndarray, centroids: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return minus squared distances (n, k), each to centroids without the example and its group.

    What all of a row share, |x|^2, is left away. The second value (n,) says whose class has other examples.
    Only the own class's centroid changes: a group of mixed classes still lends its members to the others.
    """
    n = len(y)
    if groups is None:
        part, part_sums = np.arange(n), X
    else:
        pairs = np.stack([np.unique(groups, return_inverse=True)[1], y])
        parts, part = np.unique(pairs, axis=1, return_inverse=True)
        part = part.reshape(n)
        part_sums = _sums(X, part, parts.shape[1])
    size, total = np.bincount(part)[part], np.bincount(y)[y]
    left = np.maximum(total - size, 1).astype(np.float32)[:, None]
    logits = 2 * X @ centroids.T - np.sum(centroids**2, axis=1)
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        others = centroids[y[rows]] * total[rows, None].astype(np.float32) - part_sums[part[rows]]
        others /= left[rows]
        logits[rows, y[rows]] = np.sum((2 * X[rows] - others) * others, axis=1)
    return logits, total > size
