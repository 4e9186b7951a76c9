"""The yardstick: a classifier learnt on the source as it is, as if the target were no other domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Adaptation, Floats, Known
from regraft.heads.logistic import LogisticHead


class SourceOnly(Adaptation):
    """Logistic regression on the source, and on the target's known labels where there are any (pooled).

    Parameters
    ----------
    C : float, optional
        Inverse strength of its penalty; default: by cross-validation.
    seed : int
    """

    def __init__(self, C: float | None = None, seed: int = 0):
        self.C = C
        self.seed = seed

    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        head = LogisticHead(C=self.C, powers=(1.0,), seed=self.seed)
        head.fit(np.concatenate([X, target[known.rows]]), np.concatenate([y, known.y]))
        return "logistic", *head.state()
