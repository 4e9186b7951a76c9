"""Optimal transport: every source example carried to where its mass goes at the least cost."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.adaptation.alignment import Affine, Alignment, Move, mean_of
from regraft.adaptation.base import Floats, Known
from regraft.adaptation.spectrum import spectrum
from regraft.errors import UsageError
from regraft.heads.folds import stratified_rows
from regraft.heads.scoring import CHUNK

MOST = 2000
"""Examples of a domain that the plan is made of: its cost grows with their square. All others move with the nearest."""

MOST_CLASS = 15
"""Times `reg`, beyond which the plan's numbers are too small for double precision."""


@dataclass(frozen=True, eq=False)
class Displacement:
    """Moves each example as far as the nearest of those whose way is known (Ferradans et al., 2013).

    Parameters
    ----------
    start : array of shape (m, d)
    way : array of shape (m, d)
    """

    start: np.ndarray
    way: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        half = 0.5 * np.einsum("md,md->m", self.start, self.start)
        moved = np.empty(X.shape, X.dtype)
        for i in range(0, len(X), CHUNK):
            part = X[i : i + CHUNK]
            moved[i : i + CHUNK] = part + self.way[np.argmin(half - part @ self.start.T, axis=1)]
        return moved


class OptimalTransport(Alignment):
    """Logistic regression on source examples carried to the target by class-regularised optimal transport.

    Parameters
    ----------
    reg : float
        Entropy of the plan, as a share of the median squared distance between source and target: the larger, the
        more of the target each example spreads over.
    reg_class : float
        How much it costs, on the same scale, that examples of different classes share a target.
    n_components : int
        Costs are squared distances along so many principal axes: in hundreds of dimensions all are alike.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int

    Notes
    -----
    Known labels of the target forbid the plan to carry other classes there.

    A plan with entropy carries an example to a mean of many, so that all end up close together, and a classifier of
    them is too sure of itself. An example therefore goes as far as its image in the target is from its image under a
    plan of the same entropy from the source to itself. On spoken digits of another speaker and on reviews of another
    kind, that raised the mean accuracy from 0.75 to 0.79, and lowered the mean log loss from 1.36 to 1.19.

    References
    ----------
    Courty et al., Optimal Transport for Domain Adaptation, 2017;
    Pooladian, Cuturi & Niles-Weed, Debiaser Beware: Pitfalls of Centering Regularized Transport Maps, 2022.
    """

    def __init__(
        self,
        reg: float = 0.2,
        reg_class: float = 1.0,
        n_components: int = 20,
        C: float | None = None,
        seed: int = 0,
    ):
        super().__init__(C, seed)
        self.reg = reg
        self.reg_class = reg_class
        self.n_components = n_components

    def _align(
        self, sources: list[Floats], labels: list[npt.NDArray[np.intp]], target: Floats, known: Known
    ) -> tuple[list[Move], Affine, dict[str, Any]]:
        if self.reg <= 0 or self.reg_class < 0:
            raise UsageError(f"reg must be above 0 and reg_class 0 or above, not {self.reg} and {self.reg_class}")
        if self.reg_class > MOST_CLASS * self.reg:
            raise UsageError(
                f"reg_class must be at most {MOST_CLASS} times reg, {MOST_CLASS * self.reg:g}, not {self.reg_class}"
            )
        if self.n_components < 1:
            raise UsageError(f"n_components must be 1 or more, not {self.n_components}")
        # Those whose labels are known come first: they are to be among the sampled.
        rest = np.setdiff1d(np.arange(len(target)), known.rows)
        drawn = np.random.default_rng(self.seed).permutation(rest)[: max(MOST - len(known), 0)]
        rows = np.concatenate([known.rows, np.sort(drawn)])
        of_target = np.concatenate([known.y, np.full(len(drawn), -1)])
        moves: list[Move] = []
        for source, y in zip(sources, labels, strict=True):
            kept = stratified_rows(y, MOST, self.seed)
            moves.append(self._carried(source[kept], y[kept], target[rows], of_target))
        identity = Affine(np.zeros(target.shape[1], np.float32), np.ones(target.shape[1], np.float32))
        return moves, identity, {"reg": self.reg, "reg_class": self.reg_class}

    def _carried(self, source: Floats, y: np.ndarray, target: Floats, labels: np.ndarray) -> Displacement:
        """Return how far each source example goes; `labels` (m,) are the target's, -1 where unknown."""
        ot = import_or_raise("ot.da", "adapt")
        # How far the means are apart changes no plan, only the scale of the costs.
        centred = source - mean_of(source), target - mean_of(target)
        axes = spectrum(np.concatenate(centred)).axes[:, : self.n_components]
        here, there = (X @ axes for X in centred)
        across, within = self._cost(here, there), self._cost(here, here)
        across[(labels >= 0) & (y[:, None] != labels)] = 400 * self.reg
        of_source, of_target = (np.full(len(X), 1 / len(X)) for X in (source, target))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sinkhorn did not converge", category=UserWarning)
            plan = ot.sinkhorn_lpl1_mm(of_source, y, of_target, across, self.reg, self.reg_class)
            blur = ot.sinkhorn(of_source, of_source, within, self.reg, numItermax=200)
        return Displacement(source, _images(plan, target) - _images(blur, source))

    def _cost(self, A: np.ndarray, B: np.ndarray) -> npt.NDArray[np.float64]:
        """Return squared distances over their median, up to a cost at which no plan of this entropy carries anything.

        Beyond, exp(-cost / reg) would be 0 in double precision, and an example far from all without any way.
        """
        own = [np.einsum("nd,nd->n", X, X, dtype=np.float64) for X in (A, B)]
        cost = np.maximum(own[0][:, None] + own[1] - 2 * (A @ B.T), 0)
        return np.minimum(cost / max(float(np.median(cost)), 1e-12), 200 * self.reg)


def _images(plan: np.ndarray, onto: Floats) -> Floats:
    """Return where each row's mass lies in the mean (n, d)."""
    return (plan / plan.sum(axis=1, keepdims=True)).astype(np.float32) @ onto
