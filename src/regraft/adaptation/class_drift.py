"""Which classes look otherwise, or are more or less frequent, in another domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError


@dataclass(frozen=True)
class ClassDrift:
    """How one class differs between the domains.

    Parameters
    ----------
    name : str
    drift : float or None
        Distance of the class's means in the two domains, in units of the source's within-class spread (the root mean
        squared distance of an example from its class's mean); what chance adds is taken off. None where the class is
        missing in a domain.
    source_share, target_share : float
        Share of the domain's examples that are of the class.
    source_count, target_count : int
    """

    name: str
    drift: float | None
    source_share: float
    target_share: float
    source_count: int
    target_count: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def class_drift(
    source: npt.ArrayLike,
    y: npt.ArrayLike,
    target: npt.ArrayLike,
    target_y: npt.ArrayLike,
    class_names: Sequence[str],
) -> tuple[ClassDrift, ...]:
    """Return how each class differs between two domains.

    Where the target's classes are predicted, drift is underestimated: what looks like another class is named so.

    Parameters
    ----------
    source : array of shape (n, d)
        Features.
    y : int array of shape (n,)
        Class indices.
    target : array of shape (m, d)
    target_y : int array of shape (m,)
        Class indices, true or predicted; -1 for an example of no class of these.
    class_names : sequence of str of length k

    Returns
    -------
    tuple of ClassDrift
        In the order of `class_names`.

    Raises
    ------
    DataError
        If shapes do not fit each other, or there are other classes.
    """
    k = len(class_names)
    domains = [_checked(source, y, k, 0), _checked(target, target_y, k, -1)]
    if domains[0][0].shape[1] != domains[1][0].shape[1]:
        raise DataError(
            f"source and target must have as many features, not {domains[0][0].shape[1]} and "
            f"{domains[1][0].shape[1]}: take both from the same backbone"
        )
    (a, of_a, means_a, scatter_a), (b, of_b, means_b, scatter_b) = ((*d, *_moments(*d, k)) for d in domains)
    counts = np.stack([np.bincount(each[each >= 0], minlength=k) for each in (of_a, of_b)])
    spread = _variance(scatter_a.sum(), counts[0].sum() - (counts[0] > 0).sum())
    found = []
    for c, name in enumerate(class_names):
        n, m = map(int, counts[:, c])
        drift = None
        if n and m and spread:
            apart = float(((means_a[c] - means_b[c]) ** 2).sum())
            # Means of n examples are apart by chance: variance / n of each domain.
            own = [_variance(s[c], count - 1) or spread for s, count in ((scatter_a, n), (scatter_b, m))]
            drift = float(np.sqrt(max(0.0, apart - own[0] / n - own[1] / m) / spread))
        found.append(ClassDrift(str(name), drift, n / len(a), m / len(b), n, m))
    return tuple(found)


def _checked(X: npt.ArrayLike, y: npt.ArrayLike, k: int, lowest: int) -> tuple[np.ndarray, np.ndarray]:
    features, classes = np.asarray(X, np.float32), np.asarray(y)
    if features.ndim != 2 or classes.shape != (len(features),) or not len(features):
        raise DataError(
            f"features must have a row for each class index, not the shape {features.shape} for {classes.shape}"
        )
    if classes.dtype.kind not in "iu" or classes.min() < lowest or classes.max() >= k:
        raise DataError(f"class indices must be whole numbers from {lowest} to {k - 1}: encode names as positions")
    return features, classes


def _moments(X: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each class's mean (k, d), and the sum of squared distances from it (k,)."""
    means, scatter = np.zeros((k, X.shape[1])), np.zeros(k)
    for c in range(k):
        own = X[y == c]
        if len(own):
            means[c] = own.mean(axis=0, dtype=np.float64)
            scatter[c] = ((own - means[c]) ** 2).sum()
    return means, scatter


def _variance(scatter: float, freedom: int) -> float:
    return float(scatter / freedom) if freedom > 0 else 0.0
