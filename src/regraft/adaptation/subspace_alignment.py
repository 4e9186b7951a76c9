"""Subspace alignment: the source's principal axes turned onto the target's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.alignment import Affine, Alignment, Move, mean_of
from regraft.adaptation.base import Floats, Known
from regraft.adaptation.spectrum import spectrum
from regraft.errors import UsageError

KEPT = 0.95
"""Share of the variance that the axes kept by default explain, in the domain where that takes more of them."""


class SubspaceAlignment(Alignment):
    """Logistic regression in the target's principal subspace, onto which the source's is turned.

    Parameters
    ----------
    n_components : int, optional
        Principal axes of each domain; default: as many as explain 95% of the variance in both, fewer where a domain
        has fewer examples.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int

    References
    ----------
    Fernando et al., Unsupervised Visual Domain Adaptation Using Subspace Alignment, 2013.
    """

    def __init__(self, n_components: int | None = None, C: float | None = None, seed: int = 0):
        super().__init__(C, seed)
        self.n_components = n_components

    def _align(
        self, sources: list[Floats], labels: list[npt.NDArray[np.intp]], target: Floats, known: Known
    ) -> tuple[list[Move], Affine, dict[str, Any]]:
        if self.n_components is not None and self.n_components < 1:
            raise UsageError(f"n_components must be 1 or more, not {self.n_components}")
        means = [mean_of(X) for X in (*sources, target)]
        spectra = [spectrum(X - mean) for X, mean in zip((*sources, target), means, strict=True)]
        wanted = self.n_components or max(explaining(own.variance, KEPT) for own in spectra)
        axes = [own.axes[:, : max(wanted, 1)] for own in spectra]
        onto = axes[-1]
        if not onto.shape[1]:  # one example has no axes: there is a mean to align, and nothing else
            only_means = [Affine(mean, np.ones_like(mean)) for mean in means]
            return list(only_means[:-1]), only_means[-1], {"n_components": 0}
        moves: list[Move] = [
            Affine(mean, own @ (own.T @ onto)) for mean, own in zip(means[:-1], axes[:-1], strict=True)
        ]
        return moves, Affine(means[-1], onto), {"n_components": onto.shape[1]}


def explaining(variance: np.ndarray, share: float) -> int:
    """Return how many of the variances (r,), in falling order, make up a share of their sum."""
    return int(np.searchsorted(np.cumsum(variance), share * variance.sum()) + 1) if len(variance) else 0
