"""Features as coordinates along their principal axes, where n examples in d dimensions cost n x min(n, d)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from regraft.heads.scoring import CHUNK, signed_power


class PrincipalSpace:
    """The centred features in their principal axes: exact for a penalty on the length of the weights.

    Parameters
    ----------
    X : float32 array of shape (n, d)
    power : float
        Features enter as sign(x) |x|^power.

    Attributes
    ----------
    Z : float32 array of shape (n, r)
        Coordinates.
    variance : array of shape (r,)
        Mean square of each coordinate.
    mean : array of shape (d,)
        What was taken away.
    """

    def __init__(self, X: npt.NDArray[np.float32], power: float):
        n, d = X.shape
        self._X, self._power = X, power
        raised = signed_power(X, power)
        self.mean = raised.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = np.subtract(raised, self.mean, out=None if raised is X else raised)
        if n <= d:
            # U sqrt(e) with K = U e U': float32's rounding is all there is in the axes left out.
            energy, axes = eigh(centred @ centred.T, driver="evd", overwrite_a=True, check_finite=False)
            kept = energy > max(energy[-1], 0) * 1e-6
            energy, axes = energy[kept], axes[:, kept]
            self.Z = np.ascontiguousarray(axes * np.sqrt(energy))
            self._dual = axes / np.sqrt(energy)
        else:
            energy, axes = eigh(centred.T @ centred, driver="evd", overwrite_a=True, check_finite=False)
            for i in range(0, n, CHUNK):  # in place: one copy of the features, not two
                centred[i : i + CHUNK] = centred[i : i + CHUNK] @ axes
            self.Z, self._axes = centred, axes
        self.variance = np.maximum(energy, 0).astype(np.float64) / n

    def back(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return weights (r, k) of the principal axes as weights (d, k) of the features."""
        if hasattr(self, "_axes"):
            return self._axes @ weights
        dual = self._dual @ weights
        raised = signed_power(self._X, self._power)
        return raised.T @ dual - np.outer(self.mean, dual.sum(axis=0))
