"""Logistic regression in which some examples count more than others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.errors import UsageError
from regraft.heads.folds import Folds
from regraft.heads.logistic import CS, LogisticHead


class WeightedLogisticHead(LogisticHead):
    """Logistic regression whose loss counts each example as much as its weight, wherever C is chosen too.

    The weights are divided by their mean: how strong the penalty is depends on how many examples there are, as it does
    without weights.

    Parameters
    ----------
    weights : array of shape (n,), optional
        Of the examples that it is fitted to, in their order, 0 or above; without them all count the same.
    Cs : sequence of float
        Inverse strengths of the penalty to choose from, as in `LogisticHead`.
    C : float, optional
        The inverse strength itself; nothing is left to choose.
    cv : int or sequence of (train, test) pairs
        Folds over which C and temperature are chosen.
    cv_samples : int
        They are chosen on this many examples at most (or 20 a class, if that is more).
    seed : int

    References
    ----------
    Shimodaira, Improving predictive inference under covariate shift by weighting the log-likelihood function, 2000.
    """

    powers = (1.0,)

    def __init__(
        self,
        weights: npt.ArrayLike | None = None,
        Cs: Sequence[float] = CS,
        C: float | None = None,
        cv: Folds = 5,
        cv_samples: int = 1500,
        seed: int = 0,
    ):
        self.weights = weights
        self.Cs = Cs
        self.C = C
        self.cv = cv
        self.cv_samples = cv_samples
        self.seed = seed

    def _importance(self, n: int) -> npt.NDArray[np.float64] | None:
        if self.weights is None:
            return None
        weights = np.asarray(self.weights, np.float64)
        if weights.shape != (n,) or not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
            raise UsageError(
                f"weights must be {n} numbers of 0 or above, one an example and not all 0, "
                f"not {weights.shape} of {weights.min(initial=np.inf):g} to {weights.max(initial=-np.inf):g}"
            )
        return weights / weights.mean()
