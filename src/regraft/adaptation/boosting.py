"""What TrAdaBoost and its multi-source form share: rounds of weighted logistic regression, and their vote."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Adaptation, Floats, Known
from regraft.errors import UsageError
from regraft.heads.folds import train_test_pairs
from regraft.heads.logistic import fit_folds, fold_logits
from regraft.heads.principal_space import PrincipalSpace
from regraft.heads.scoring import softmax
from regraft.heads.temperature import fit_temperature
from regraft.heads.weighted_logistic import WeightedLogisticHead

FOLDS = 5
"""Into how many the examples are dealt, so that each round's errors are those of examples that it has not seen."""

LEAST_ERROR = 0.01
"""Of few target labels none may be missed: a round without any error would silence all others."""


@dataclass(frozen=True, eq=False)
class Round:
    """One weighted classifier of the features.

    Parameters
    ----------
    coef : float32 array of shape (k, d)
    intercept : float32 array of shape (k,)
    missed : array of shape (n,)
        1 minus the probability of each example's own class, by a classifier which has not seen it.
    """

    coef: Floats
    intercept: Floats
    missed: npt.NDArray[np.float64]

    def error(self, weights: np.ndarray, rows: np.ndarray) -> float:
        """Return the weighted mean (at least `LEAST_ERROR`) of what is missed of some rows."""
        return max(float(np.average(self.missed[rows], weights=weights[rows])), LEAST_ERROR)


class Booster:
    """Weighted logistic regressions of the same examples, all in one principal space.

    Parameters
    ----------
    X : float32 array of shape (n, d)
    y : int array of shape (n,)
    k : int
    strata : int array of shape (n,)
        In which proportions examples are dealt into folds.
    C : float
        Inverse strength of the penalty.
    seed : int
    """

    def __init__(self, X: Floats, y: npt.NDArray[np.intp], k: int, strata: np.ndarray, C: float, seed: int):
        self.space, self.y, self.k, self.C = PrincipalSpace(X, 1.0), y, k, C
        pairs = train_test_pairs(np.unique(strata, return_inverse=True)[1], FOLDS, seed=seed)
        self.fold = np.zeros(len(y), np.intp)  # the last column has seen everyone
        for fold, (_, test) in enumerate(pairs):
            self.fold[test] = fold
        self.train = np.concatenate([np.arange(len(pairs)) != self.fold[:, None], np.ones((len(y), 1), bool)], axis=1)

    def learn(self, weights: np.ndarray) -> Round:
        """Return the classifier of examples weighted by `weights` (n,)."""
        importance = weights / weights.mean()
        found = fit_folds(self.space, self.y, self.k, self.train, self.C, importance=importance)
        held_out = fold_logits(self.space.Z, found)[np.arange(len(self.y)), self.fold]
        scale, _ = fit_temperature(held_out, self.y, weights)
        missed = 1 - softmax(scale * held_out)[np.arange(len(self.y)), self.y]
        coef = np.ascontiguousarray(self.space.back(found[:-1, -1]).T) * np.float32(scale)
        return Round(coef, found[-1, -1] * np.float32(scale) - coef @ self.space.mean, missed)


class Boosting(Adaptation):
    """Rounds in which source examples that are missed lose weight, and target examples that are missed gain it.

    Parameters
    ----------
    rounds : int
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation on source and known target examples together.
    seed : int

    Attributes
    ----------
    weights_ : array of shape (n + q,)
        What the source's examples, and after them the target's known ones, count in the end; 1 in the sum.
    """

    needs_target_labels: ClassVar[bool] = True

    def __init__(self, rounds: int = 10, C: float | None = None, seed: int = 0):
        self.rounds = rounds
        self.C = C
        self.seed = seed

    @abstractmethod
    def _boost(
        self, booster: Booster, weights: npt.NDArray[np.float64], domains: npt.NDArray[np.intp]
    ) -> tuple[list[Round], list[float]]:
        """Return the classifiers that vote, and how much each says, in place of `weights` the last ones.

        `domains` (n + q,) says which source each example is from, and -1 of the target's.
        """

    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        if self.rounds < 1:
            raise UsageError(f"rounds must be 1 or more, not {self.rounds}")
        if not len(known) and target is not X:
            raise UsageError(
                f"{type(self).__name__} learns from labels of the target, and none is known: give known, or choose a "
                "method that needs none"
            )
        both, labels = np.concatenate([X, target[known.rows]]), np.concatenate([y, known.y])
        domains = np.concatenate([domains, np.full(len(known), -1)])
        weights = np.full(len(both), 1 / len(both))
        C = self.C
        if C is None:
            C = WeightedLogisticHead(weights, seed=self.seed).fit(both, labels).settings_["C"]
        booster = Booster(both, labels, k, labels + k * (domains < 0), C, self.seed)
        if len(known):
            rounds, votes = self._boost(booster, weights, domains)
        else:
            rounds, votes = [booster.learn(weights)], [1.0]
        self.weights_ = weights
        tensors = {
            "coef": np.stack([found.coef for found in rounds]),
            "intercept": np.stack([found.intercept for found in rounds]),
            "votes": np.array(votes, np.float32),
        }
        share = float(weights[domains < 0].sum())
        return "boosted", tensors, {"C": float(C), "rounds": len(rounds), "target_weight": share}


def say(error: float, k: int) -> float:
    """Return how much a classifier with such an error among k classes says: log odds against chance (SAMME)."""
    return float(np.log((1 - error) / error) + np.log(k - 1))
