"""Each domain's features by its own mean and scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.alignment import Affine, Alignment, Move, mean_of
from regraft.adaptation.base import Floats, Known


class Standardization(Alignment):
    """Logistic regression on features from which each domain's own mean, and scale, has been taken.

    Parameters
    ----------
    scale : bool
        Divide by standard deviations too, and not only take the means away.
    shrinkage : float
        0 to 1: how far each feature's variance is drawn to the mean of all features', so that one which hardly
        varies in a domain does not become the loudest.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int

    References
    ----------
    Li et al., Revisiting Batch Normalization for Practical Domain Adaptation, 2016 (in every layer of a network).
    """

    def __init__(self, scale: bool = True, shrinkage: float = 0.5, C: float | None = None, seed: int = 0):
        super().__init__(C, seed)
        self.scale = scale
        self.shrinkage = shrinkage

    def _align(
        self, sources: list[Floats], labels: list[npt.NDArray[np.intp]], target: Floats, known: Known
    ) -> tuple[list[Move], Affine, dict[str, Any]]:
        moves: list[Move] = [self._standard(source) for source in sources]
        return moves, self._standard(target), {"scale": self.scale, "shrinkage": self.shrinkage}

    def _standard(self, X: Floats) -> Affine:
        mean = mean_of(X)
        if not self.scale:
            return Affine(mean, np.ones_like(mean))
        variance = X.var(axis=0, dtype=np.float64)
        overall = variance.mean()
        shrunk = (1 - self.shrinkage) * variance + self.shrinkage * overall
        return Affine(mean, (1 / np.sqrt(np.maximum(shrunk, max(overall * 1e-6, 1e-12)))).astype(np.float32))
