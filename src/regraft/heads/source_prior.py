"""Logistic regression that begins with what the source task already knows of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import UsageError
from regraft.heads.folds import Folds, train_test_pairs
from regraft.heads.logistic import CS as ALL_CS
from regraft.heads.logistic import LogisticHead

CS = tuple(C for C in ALL_CS if C <= 1000)
"""Default inverse strengths of the penalty; weaker ones end anywhere, according to where a fit begins."""


class SourcePriorHead(LogisticHead):
    """Logistic regression whose weights are held near the rows of the source task's own classifier.

    The logits are alpha (X coef' + intercept) + X W + b, where W has an L2 penalty: where the new task's classes are
    among the source's own, a few examples a class need not teach again what a million images taught. Alpha and the
    strength of the penalty are chosen by cross-validation; a penalty without end leaves the source's scores alone.
    All is linear in the features, so what is fitted scores as a logistic regression does.

    Parameters
    ----------
    coef : array of shape (k, d), optional
        The source's weights for each class, in the order of the sorted labels; 0 where it has no such class.
        Without them this is a plain logistic regression.
    intercept : array of shape (k,), optional
        The source's intercepts; default 0.
    alphas : sequence of float
        How much the source's logits count before anything is learnt, to choose from.
    Cs : sequence of float
        Inverse strengths of the penalty to choose from, as in `LogisticHead`, besides no learning at all.
    cv : int or sequence of (train, test) pairs
        Folds over which alpha, C and temperature are chosen.
    cv_samples : int
        They are chosen on this many examples at most (or 20 a class, if that is more).
    seed : int
        Deals the examples into folds.

    References
    ----------
    Li et al., Explicit Inductive Bias for Transfer Learning with Convolutional Networks, 2018 (a penalty towards the
    source's weights).
    """

    method = "source"
    powers = (1.0,)  # the source's rows mean the features as they are
    C = None

    def __init__(
        self,
        coef: npt.ArrayLike | None = None,
        intercept: npt.ArrayLike | None = None,
        alphas: Sequence[float] = (1.0, 0.3),
        Cs: Sequence[float] = CS,
        cv: Folds = 5,
        cv_samples: int = 1500,
        seed: int = 0,
    ):
        self.coef = coef
        self.intercept = intercept
        self.alphas = alphas
        self.Cs = Cs
        self.cv = cv
        self.cv_samples = cv_samples
        self.seed = seed

    def _learn(
        self, X: npt.NDArray[np.float32], y: npt.NDArray[np.intp], k: int, groups: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        if self.coef is None:
            return super()._learn(X, y, k, groups)
        if not len(self.alphas) or min(self.alphas) <= 0:
            raise UsageError(f"alphas must be one or more numbers above 0, not {self.alphas!r}")
        coef, intercept = self._prior(X.shape[1])
        pairs = train_test_pairs(y, self.cv, groups, self.seed)
        choice = self._choose(X, y, k, [0.0, *sorted(self.Cs)], pairs, self.alphas)
        tensors, settings = self._fit_chosen(X, y, k, choice)
        share = np.float32(choice.alpha * choice.scale)
        tensors = {"coef": tensors["coef"] + share * coef, "intercept": tensors["intercept"] + share * intercept}
        return tensors, {**settings, "alpha": choice.alpha}

    def _prior(self, d: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the source's weights (k, d) and intercepts (k,) of the classes that the head has seen."""
        coef = np.asarray(self.coef, np.float32)
        intercept = (
            np.zeros(len(coef), np.float32) if self.intercept is None else np.asarray(self.intercept, np.float32)
        )
        if coef.ndim != 2 or coef.shape[1] != d or intercept.shape != (len(coef),):
            raise UsageError(
                f"coef must be (k, {d}) and intercept (k,), as wide as the features, not {coef.shape} and "
                f"{intercept.shape}"
            )
        # A fold may lack a class: labels that are whole numbers say which rows are meant.
        if len(coef) != len(self.classes_):
            if self.classes_.dtype.kind not in "iu" or self.classes_[0] < 0 or self.classes_[-1] >= len(coef):
                raise UsageError(f"coef must have a row for each of the {len(self.classes_)} classes, not {len(coef)}")
            coef, intercept = coef[self.classes_], intercept[self.classes_]
        return coef, intercept

    def _offset(self, X: np.ndarray, alpha: float) -> np.ndarray | float:
        if self.coef is None:
            return 0.0
        coef, intercept = self._prior(X.shape[1])
        return (np.float32(alpha) * (X @ coef.T + intercept))[:, None]
