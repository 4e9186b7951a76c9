"""Whether two domains are samples of one distribution: maximum mean discrepancy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.proxy_distance import stacked

MOST = 1_000
"""Examples taken of a domain at most: memory and time grow with their square."""

LEAST = 2
PERMUTATIONS = 499


@dataclass(frozen=True)
class Discrepancy:
    """How far apart the distributions of two domains are, and whether chance explains it.

    Parameters
    ----------
    mmd2 : float
        Unbiased estimate of the squared discrepancy; about 0, and below it half the time, for equal distributions.
    p_value : float
        Share of random divisions of all examples into two domains that are as far apart or farther.
    bandwidth : float
        Median distance of two examples, in units of the root mean squared length of the centred features.
    n_source, n_target : int
        Examples compared.
    """

    mmd2: float
    p_value: float
    bandwidth: float
    n_source: int
    n_target: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def maximum_mean_discrepancy(
    source: npt.ArrayLike, target: npt.ArrayLike, seed: int = 0, permutations: int = PERMUTATIONS
) -> Discrepancy:
    """Return the squared maximum mean discrepancy of two domains, with a permutation test.

    The kernel is Gaussian, exp(-|x - y|^2 / (2 bandwidth^2)), with the median distance for its bandwidth.

    Parameters
    ----------
    source : array of shape (n, d)
        Features; at most 1,000 examples are taken of each domain.
    target : array of shape (m, d)
    seed : int
        Decides which examples are taken, and how they are permuted.
    permutations : int

    Returns
    -------
    Discrepancy

    Raises
    ------
    DataError
        If shapes do not fit, or a domain has fewer than 2 examples.

    References
    ----------
    A. Gretton et al., "A kernel two-sample test", 2012.
    """
    rng = np.random.default_rng(seed)
    X, of_target = stacked(source, target, LEAST, MOST, rng)
    kernel, bandwidth = gaussian_kernel(X)
    total = len(X)
    domains = np.empty((total, permutations + 1), np.float32)
    domains[:, 0] = of_target
    for column in range(1, permutations + 1):
        domains[:, column] = rng.permutation(of_target)
    values = _unbiased(kernel, domains)
    # A tie within rounding counts as reached.
    reached = int((values[1:] >= values[0] - 1e-9).sum())
    p_value = (1 + reached) / (1 + permutations)
    counts = (int((~of_target).sum()), int(of_target.sum()))
    return Discrepancy(float(values[0]), p_value, bandwidth, *counts)


def gaussian_kernel(X: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """Return the kernel (n, n) of examples (n, d), with a diagonal of 0, and its bandwidth, the median distance."""
    squared = np.einsum("nd,nd->n", X, X)
    distances = squared[:, None] + squared - 2 * X @ X.T
    np.maximum(distances, 0, out=distances)
    median = float(np.median(distances[np.triu_indices(len(X), 1)]))
    # Most examples being the same, the median is 0: any width tells what is not the same.
    wide = median or float(distances.mean()) or 1.0
    kernel = np.exp(distances / np.float32(-2 * wide))
    np.fill_diagonal(kernel, 0)
    return kernel, float(np.sqrt(wide))


def _unbiased(kernel: npt.NDArray[np.float32], domains: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the discrepancy of each division (n, p) of the examples into 0 and 1."""
    m = float(domains[:, 0].sum())
    n = len(domains) - m
    rows = kernel.sum(axis=1, dtype=np.float64)
    within = np.einsum("np,np->p", domains, kernel @ domains, dtype=np.float64)
    of_target = rows @ domains
    others = rows.sum() - 2 * of_target + within
    return others / (n * (n - 1)) + within / (m * (m - 1)) - 2 * (of_target - within) / (n * m)
