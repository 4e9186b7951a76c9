"""The same classes in other proportions: how often each is, told from predictions, and predictions corrected for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Adaptation, Floats, Known
from regraft.heads.logistic import LogisticHead

PRIOR = 5.0
"""Examples in the source's proportions that are added to the target's, so that no class is ruled out."""

PASSES, SETTLED = 1000, 1e-6


class LabelShift(Adaptation):
    """Logistic regression on the source whose odds are corrected for the target's estimated class proportions.

    It is right where examples of a class look the same in both domains, and only their numbers differ.

    Parameters
    ----------
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int

    References
    ----------
    Saerens, Latinne & Decaestecker, Adjusting the Outputs of a Classifier to New a Priori Probabilities, 2002;
    Alexandari, Kundaje & Shrikumar, Maximum Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift
    Adaptation, 2020.
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
        labels = np.concatenate([y, known.y])
        head.fit(np.concatenate([X, target[known.rows]]), labels)
        tensors, settings = head.state()
        before = np.bincount(labels, minlength=k) / len(labels)
        # Without a target there are no other proportions.
        after = before if target is X else proportions(head.predict_proba(target), before)
        odds = (np.log(after) - np.log(before)).astype(tensors["intercept"].dtype)
        found = {"proportions": [float(share) for share in after]}
        return "logistic", {**tensors, "intercept": tensors["intercept"] + odds}, {**settings, **found}


def proportions(proba: npt.NDArray[np.float64], before: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the class proportions (k,) under which predictions are likeliest.

    Parameters
    ----------
    proba : array of shape (m, k)
        Of the target, by a calibrated classifier that learnt under other proportions.
    before : array of shape (k,)
        Those, above 0.
    """
    after = before.copy()
    for _ in range(PASSES):
        joint = proba * (after / before)
        shares = (joint / joint.sum(axis=1, keepdims=True)).sum(axis=0)
        new = (shares + PRIOR * before) / (len(proba) + PRIOR)
        settled = np.abs(new - after).max() < SETTLED
        after = new
        if settled:
            break
    return after
