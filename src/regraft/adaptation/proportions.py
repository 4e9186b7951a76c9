"""How much of what two domains differ in would be gone if classes were as frequent in one as in the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from regraft.adaptation.maximum_mean_discrepancy import LEAST, MOST, gaussian_kernel
from regraft.adaptation.proxy_distance import stacked

FLOOR = 1e-4
"""Share of the largest eigenvalue below which the classes' kernel is noise."""

ONE = 1e3
"""Weight of the condition that proportions sum to 1."""


def explained_by_proportions(
    source: npt.ArrayLike, y: npt.NDArray[np.intp], target: npt.ArrayLike, seed: int = 0
) -> float:
    """Return the share of two domains' squared discrepancy that goes with the best proportions of the source's classes.

    About 1 where classes look alike in both domains and are in other proportions, whatever these are; about 0 where all
    classes have moved. Where the domains do not differ to begin with it is noise.

    Parameters
    ----------
    source : array of shape (n, d)
        Features; at most 1,000 examples are taken of each domain.
    y : int array of shape (n,)
        Their classes.
    target : array of shape (m, d)
    seed : int
        Decides which examples are taken.

    Returns
    -------
    float
        At most a little above 1, since a discrepancy is estimated without bias; 0 where there is none.

    Raises
    ------
    DataError
        If shapes do not fit, or a domain has fewer than 2 examples.

    References
    ----------
    Zhang, Schölkopf, Muandet & Wang, Domain Adaptation under Target and Conditional Shift, 2013; Iyer, Nath & Sarawagi,
    Maximum Mean Discrepancy for Class Ratio Estimation, 2014 (the proportions).
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(y))[:MOST])
    X, of_target = stacked(np.asarray(source)[rows], target, LEAST, MOST, rng)
    kernel, _ = gaussian_kernel(X)
    n, m = len(rows), int(of_target.sum())
    own = (y[rows][:, None] == np.unique(y[rows])).astype(np.float64)
    counts = own.sum(axis=0)
    pairs = np.outer(counts, counts) - np.diag(counts)
    # A class of one example has no other of its own to be compared with, and is as like itself as can be.
    classes = np.where(pairs > 0, own.T @ kernel[:n, :n] @ own / np.maximum(pairs, 1), 1.0)
    to_target = own.T @ kernel[:n, n:].mean(axis=1, dtype=np.float64) / counts
    within = float(kernel[n:, n:].sum(dtype=np.float64) / (m * (m - 1)))

    def discrepancy(shares: npt.NDArray[np.float64]) -> float:
        return float(shares @ classes @ shares - 2 * shares @ to_target + within)

    before = discrepancy(counts / n)
    return 1 - discrepancy(_best(classes, to_target)) / before if before > 0 else 0.0


def _best(classes: npt.NDArray[np.float64], to_target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the proportions (k,) that minimise the discrepancy."""
    values, axes = np.linalg.eigh((classes + classes.T) / 2)
    roots = np.sqrt(np.maximum(values, FLOOR * values[-1]))
    matrix = np.vstack([(axes * roots).T, np.full(len(roots), ONE)])
    shares, _ = nnls(matrix, np.append((axes / roots).T @ to_target, ONE))
    return shares / shares.sum()
