"""Source examples weighted by a classifier that tells target from source."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Floats
from regraft.adaptation.reweighting import Reweighting
from regraft.heads.folds import train_test_pairs
from regraft.heads.logistic import LogisticHead


class DensityRatio(Reweighting):
    """Logistic regression on source examples weighted by the odds that they are the target's.

    The odds are told by a logistic regression that has not seen the example: else, with more features than examples,
    every one would surely be its own domain's.

    Parameters
    ----------
    least_effective : float
        0 to 1: share of the source which is at least to be left, by effective sample size; the weights are raised to
        a power below 1 where needed.
    C : float, optional
        Inverse strength of the classifier's penalty; default: by weighted cross-validation.
    seed : int

    Attributes
    ----------
    weights_ : array of shape (n,)
        Of the source's examples.

    References
    ----------
    Bickel, Brückner & Scheffer, Discriminative Learning for Differing Training and Test Distributions, 2007;
    Shimodaira, Improving predictive inference under covariate shift by weighting the log-likelihood function, 2000.
    """

    def _ratio(self, X: Floats, target: Floats) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
        both = np.concatenate([X, target])
        is_target = (np.arange(len(both)) >= len(X)).astype(np.intp)
        smaller = min(len(X), len(target))
        if smaller < 2:  # of one example none can be held out
            return np.ones(len(X)), {"domain_accuracy": None}
        pairs = train_test_pairs(is_target, min(5, smaller), seed=self.seed)
        head = LogisticHead(powers=(1.0,), seed=self.seed).fit(both, is_target)
        proba = np.empty((len(both), 2))
        proba[np.concatenate([test for _, test in pairs])] = head.out_of_fold(both, is_target, pairs)
        told = float(np.mean(proba.argmax(axis=1) == is_target))
        tiny = np.finfo(np.float64).tiny
        odds = np.exp(np.clip(np.log(np.maximum(proba[:, 1], tiny)) - np.log(np.maximum(proba[:, 0], tiny)), -300, 300))
        return odds[: len(X)], {"domain_accuracy": told}
