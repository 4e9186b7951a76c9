"""Transfer component analysis: axes along which there is variance, but no distance between the domains."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from regraft.adaptation.alignment import Affine, Alignment, Move, mean_of
from regraft.adaptation.base import Floats, Known
from regraft.adaptation.spectrum import spectrum
from regraft.adaptation.subspace_alignment import explaining
from regraft.errors import UsageError

KEPT = 0.99
"""Share of the pooled variance that as many principal axes explain as there are components by default."""


class TransferComponents(Alignment):
    """Logistic regression on components, common to the domains, in which their means hardly differ.

    The kernel is the linear one: then the components are linear in the features, the classifier folds into one of
    the features themselves, and the n x n problem is one of d x d, however many examples there are.

    Parameters
    ----------
    mu : float
        How much a distance between the domains' means counts against a component. Features are taken from their
        common mean, at a mean squared length of 1, so that their scale does not matter.
    n_components : int, optional
        Default: as many as there are principal axes that explain 99% of the variance of all domains.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int

    References
    ----------
    Pan et al., Domain Adaptation via Transfer Component Analysis, 2011.
    """

    def __init__(self, mu: float = 10.0, n_components: int | None = None, C: float | None = None, seed: int = 0):
        super().__init__(C, seed)
        self.mu = mu
        self.n_components = n_components

    def _align(
        self, sources: list[Floats], labels: list[npt.NDArray[np.intp]], target: Floats, known: Known
    ) -> tuple[list[Move], Affine, dict[str, Any]]:
        if self.mu < 0:
            raise UsageError(f"mu must be 0 or above, not {self.mu}")
        if self.n_components is not None and self.n_components < 1:
            raise UsageError(f"n_components must be 1 or more, not {self.n_components}")
        source = np.concatenate(sources)
        pooled = np.concatenate([source, target])
        mean = mean_of(pooled)
        whole = spectrum(pooled - mean)
        variance, axes = whole.variance, whole.axes
        if not len(variance):  # examples that are all alike
            same = Affine(mean, np.ones_like(mean))
            return [same] * len(sources), same, {"n_components": 0}
        gap = (mean_of(source) - mean_of(target)) @ axes
        count = min(self.n_components or explaining(variance, KEPT), len(variance))
        # The pooled scatter, at a mean squared length of 1, is diagonal in its own axes, and K = Z Z'. With w = Z u / s
        # the matrix K H K becomes s^4, and I + mu K L K becomes I + mu (s g)(s g)'.
        scale = variance.sum()
        scatter = len(pooled) * variance / scale
        lean = np.sqrt(scatter) * gap / np.sqrt(scale)
        apart = np.eye(len(scatter)) + self.mu * np.outer(lean, lean)
        last = len(scatter) - 1
        _, found = eigh(np.diag(scatter**2), apart, subset_by_index=(last - count + 1, last))
        components = axes @ (np.sqrt(scatter)[:, None] * found[:, ::-1]).astype(np.float32)
        # Each at length one, so that it varies as much as the features do along it: the penalty counts on that.
        common = Affine(mean, components / np.linalg.norm(components, axis=0))
        return [common] * len(sources), common, {"n_components": count, "mu": self.mu}
