"""TransRate: how many nats fewer the features take to code once the labels are known.

Huang, Huang, Rong, Yang & Wei, Frustratingly Easy Transferability Estimation, ICML 2022.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.errors import UsageError
from regraft.transferability.labelled import check_labelled


def transrate(features: npt.ArrayLike, y: npt.ArrayLike, eps: float = 1e-4) -> float:
    """Return the coding rate of all features less the mean one of each class: the higher, the better the transfer.

    Parameters
    ----------
    features : float array of shape (n, d)
    y : array of shape (n,)
        Labels.
    eps : float
        Distortion that is allowed, as a mean square error a feature of features whose rows have a mean square
        length of 1 (they are centred and scaled to that: a coding rate depends on the scale, and networks differ
        in it).

    Returns
    -------
    float
        In nats, 0 or more.

    Raises
    ------
    DataError
        If it is undefined: one class only, or features that never differ.
    UsageError
        If `eps` is not above 0.

    Notes
    -----
    Classes count by their images, as in the paper's definition; its ten lines of code, where all classes have as many
    images, divide by the number of classes. With many more features than images of a class the rates grow with what
    is noise alone, and TransRate ranks networks of different widths badly.

    References
    ----------
    Huang et al., Frustratingly Easy Transferability Estimation, 2022, equations 4 to 6.
    """
    values, labels = check_labelled(features, y)
    if not eps > 0:
        raise UsageError(f"TransRate's eps must be above 0, not {eps:g}; 1e-4 is usual.")
    centred = values - values.mean(axis=0)
    centred /= np.sqrt((centred**2).sum(axis=1).mean())
    order = np.argsort(labels, kind="stable")
    classes = np.split(centred[order], np.cumsum(np.bincount(labels))[:-1])
    within = sum(len(rows) * _coding_rate(rows, eps) for rows in classes) / len(centred)
    return float(_coding_rate(centred, eps) - within)


def _coding_rate(values: npt.NDArray[np.float64], eps: float) -> float:
    """Return half the log determinant of I + Z'Z / (n eps) of rows Z (n, d), by the smaller of Z'Z and ZZ'."""
    n, d = values.shape
    gram = values @ values.T if n <= d else values.T @ values
    gram /= n * eps
    gram[np.diag_indices_from(gram)] += 1
    return float(np.log(np.diag(np.linalg.cholesky(gram))).sum())
