"""Features with their labels, and the spectrum that several scores are computed from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError

NEGLIGIBLE = 1e-12
"""Share of the largest squared singular value below which an axis is rounding alone."""


def check_labelled(features: npt.ArrayLike, y: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return features (n, d) and class indices (n,) from 0 without gaps, if there is something to tell apart.

    Raises
    ------
    DataError
        If the shapes differ, a value is not finite, there is one class only, or the features never differ.
    """
    values, labels = np.asarray(features, np.float64), np.asarray(y)
    if values.ndim != 2 or labels.shape != values.shape[:1]:
        raise DataError(
            f"Features must be (n, d) with n labels, but are {values.shape} with {labels.shape}; pass one label a row."
        )
    indices = check_classes(labels)
    if not np.isfinite(values).all():
        raise DataError("Features must be finite numbers, but some are not: the network's values overflow.")
    if values.shape[1] == 0 or not np.ptp(values, axis=0).any():
        raise DataError(
            "Features must differ between images, but are the same for all: the images are copies of one, or the "
            "network is dead."
        )
    return values, indices


def check_classes(y: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """Return class indices (n,) from 0 without gaps, of any labels (n,).

    Raises
    ------
    DataError
        If there are fewer than two classes.
    """
    found, indices = np.unique(np.asarray(y), return_inverse=True)
    if len(found) < 2:
        raise DataError(
            f"A score needs images of two classes or more, but there are {len(indices)} of {len(found)}; "
            "add images of another class."
        )
    return indices


def class_sums(values: npt.NDArray[np.float64], y: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the sums (k, d) over the rows of each class 0 to k - 1, each of which has one or more."""
    order = np.argsort(y, kind="stable")
    return np.add.reduceat(values[order], np.searchsorted(y[order], np.arange(y.max() + 1)), axis=0)


def spectrum(
    values: npt.NDArray[np.float64], y: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the squared singular values of features, and the classes' indicators along the left singular vectors.

    Parameters
    ----------
    values : float64 array of shape (n, d)
    y : int array of shape (n,)
        Class indices, 0 to k - 1.

    Returns
    -------
    energy : float64 array of shape (r,)
        Squared singular values above 0, r <= min(n, d).
    along : float64 array of shape (r, k)
        U'Y, where U (n, r) are the left singular vectors and Y (n, k) is 1 where an image is of a class, else 0.
    """
    n, d = values.shape
    # The smaller of the two products of the features with themselves has all of it, and is much faster than an SVD.
    gram = values @ values.T if n <= d else values.T @ values
    energy, axes = np.linalg.eigh(gram)
    kept = energy > NEGLIGIBLE * energy[-1]
    energy, axes = energy[kept], axes[:, kept]
    if n <= d:
        return energy, class_sums(axes, y).T
    return energy, (class_sums(values, y) @ axes / np.sqrt(energy)).T
