"""The covariance of a domain's features by its principal axes, from the n x n matrix where n < d."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from regraft.adaptation.base import Floats

ROUNDING = 1e-6
"""Share of the largest variance below which float32 knows of none."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Variances along orthonormal axes; none in all other directions.

    Parameters
    ----------
    variance : array of shape (r,)
        In falling order.
    axes : float32 array of shape (d, r)
    n : int
        How many examples it was measured on.
    """

    variance: npt.NDArray[np.float64]
    axes: Floats
    n: int

    def doubt(self) -> float:
        """Return the shrinkage, 0 to 1, that adds to each variance the error with which the covariance is known.

        That is, in the norm of operators and up to a constant, the largest variance times sqrt(r / n), where r is the
        sum of variances over the largest (Koltchinskii & Lounici, 2017).
        """
        if not len(self.variance):
            return 0.0
        total, largest = self.variance.sum(), self.variance[0]
        error = largest * np.sqrt(total / largest / self.n)
        return float(error / (error + total / len(self.axes)))

    def power(self, exponent: float, shrinkage: float) -> Floats:
        """Return (covariance, shrunk towards its mean variance) ^ exponent, of shape (d, d)."""
        d = len(self.axes)
        mean = self.variance.sum() / d
        floor = max(self.variance.max(initial=0.0) * ROUNDING, 1e-12)
        kept = np.maximum((1 - shrinkage) * self.variance + shrinkage * mean, floor) ** exponent
        # Where the axes are all there are, nothing is left over, and taking away a large number to add it again would
        # only round.
        rest = max(shrinkage * mean, floor) ** exponent if len(kept) < d else 0.0
        power = (self.axes * (kept - rest).astype(np.float32)) @ self.axes.T
        power[np.diag_indices(d)] += np.float32(rest)
        return power


def spectrum(centred: Floats) -> Spectrum:
    """Return the spectrum of examples (n, d) whose mean has been taken away."""
    n, d = centred.shape
    few = n <= d
    energy, vectors = eigh(centred @ centred.T if few else centred.T @ centred, overwrite_a=True, driver="evd")
    kept = np.flatnonzero(energy > max(energy[-1] * ROUNDING, 0.0))[::-1]
    variance = energy[kept].astype(np.float64) / n
    axes = centred.T @ (vectors[:, kept] / np.sqrt(energy[kept])) if few else vectors[:, kept]
    return Spectrum(variance, np.ascontiguousarray(axes), n)
