"""Correlation alignment: the source whitened, and coloured as the target is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.alignment import Affine, Alignment, Move, mean_of
from regraft.adaptation.base import Floats, Known
from regraft.adaptation.spectrum import Spectrum, spectrum
from regraft.errors import UsageError


class Coral(Alignment):
    """Logistic regression on source features that have been given the target's covariance, and its mean.

    Parameters
    ----------
    shrinkage : float, optional
        0 to 1: how far both covariances are drawn to a multiple of the identity; default: as far as one of
        them is in doubt, being measured on few examples.
    center : bool
        Take each domain's mean away; otherwise second moments about 0 are aligned.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int

    References
    ----------
    Sun, Feng & Saenko, Return of Frustratingly Easy Domain Adaptation, 2016;
    Koltchinskii & Lounici, Concentration Inequalities and Moment Bounds for Sample Covariance Operators, 2017 (the
    doubt).
    """

    def __init__(self, shrinkage: float | None = None, center: bool = True, C: float | None = None, seed: int = 0):
        super().__init__(C, seed)
        self.shrinkage = shrinkage
        self.center = center

    def _align(
        self, sources: list[Floats], labels: list[npt.NDArray[np.intp]], target: Floats, known: Known
    ) -> tuple[list[Move], Affine, dict[str, Any]]:
        if self.shrinkage is not None and not 0 <= self.shrinkage <= 1:
            raise UsageError(f"shrinkage must be from 0 to 1, not {self.shrinkage}")
        mean, of_target = self._spectrum(target)
        moves: list[Move] = []
        shares = []
        for source in sources:
            own_mean, own = self._spectrum(source)
            # The same for both: domains that do not differ are left as they are.
            share = max(own.doubt(), of_target.doubt()) if self.shrinkage is None else self.shrinkage
            moves.append(Affine(own_mean, own.power(-0.5, share) @ of_target.power(0.5, share)))
            shares.append(share)
        return moves, Affine(mean, np.ones_like(mean)), {"shrinkage": shares, "center": self.center}

    def _spectrum(self, X: Floats) -> tuple[Floats, Spectrum]:
        mean = mean_of(X) if self.center else np.zeros(X.shape[1], np.float32)
        return mean, spectrum(X - mean)
