"""H-score: how much of the features' variance, seen in their own metric, lies between the classes.

Bao et al., An Information-Theoretic Approach to Transferability in Task Transfer Learning, ICIP 2019; regularised as in
Ibrahim, Ponomareva & Mazumder, Newer is not always better: Rethinking transferability metrics, their peculiarities,
stability and performance, 2021.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.transferability.labelled import check_labelled, spectrum


def h_score(features: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the regularised H-score: the higher, the better the transfer.

    Parameters
    ----------
    features : float array of shape (n, d)
    y : array of shape (n,)
        Labels.

    Returns
    -------
    float
        From 0 to k - 1: the trace of the features' inverse covariance, shrunk, times the covariance of their class
        means.

    Raises
    ------
    DataError
        If it is undefined: one class only, or features that never differ.

    Notes
    -----
    The covariance S is shrunk as Ledoit & Wolf do, to (1 - a) S + a m I, where m is the mean variance and a the share
    with the least expected error; the covariance of the class means is scaled by 1 - a. Without that, d features of
    fewer than d images tell any labels apart. Where nothing is known of how features vary together, a is 1 and the
    score 0.

    References
    ----------
    Ibrahim, Ponomareva & Mazumder, Newer is not always better, 2021; Bao et al., An Information-Theoretic Approach to
    Transferability in Task Transfer Learning, 2019; Ledoit & Wolf, A well-conditioned estimator for large-dimensional
    covariance matrices, 2004.
    """
    values, labels = check_labelled(features, y)
    n, d = values.shape
    centred = values - values.mean(axis=0)
    energy, along = spectrum(centred, labels)
    variance = energy / n
    mean = variance.sum() / d
    share = _shrinkage(variance, (centred**2).sum(axis=1), d)
    # Class means of the features along principal axes: sqrt(energy) U'Y / count; off these axes they are 0.
    between = (energy[:, None] * along**2 / np.bincount(labels)).sum(axis=1) / n
    return float((1 - share) * (between / ((1 - share) * variance + share * mean)).sum())


def _shrinkage(variance: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], d: int) -> float:
    """Return Ledoit and Wolf's share from the variances (r,) along principal axes and squared lengths of rows (n,)."""
    n = len(lengths)
    squared = (variance**2).sum()
    off_identity = squared - variance.sum() ** 2 / d
    uncertain = ((lengths**2).mean() - squared) / n
    return float(np.clip(uncertain / off_identity, 0, 1)) if off_identity > 1e-12 * squared else 0.0
