"""Tasks whose classes have an order, such as a grade from 1 to 5: one score, and a threshold between neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.data.labels import class_order
from regraft.errors import DataError
from regraft.multitask.kinds.base import Array, Kind, Measure, check_two, indices, sigmoid
from regraft.multitask.tasks import Task

MOST = 20
"""Levels at most; more of them are numbers."""

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse strengths of the penalty to choose from, in units of 1 / (mean squared norm of the centred features)."""

FOLDS = 3


def median_class(probabilities: Array) -> Array:
    """Return the first class (n,) up to which half of the probability (n, k) lies: it has the least mean error."""
    return (probabilities.cumsum(axis=1)[:, :-1] < 0.5).sum(axis=1)


def accuracy(truth: Array, probabilities: Array) -> float:
    """Return the share of examples whose class is the true one."""
    return float((median_class(probabilities) == truth).mean())


def mean_absolute_error(truth: Array, probabilities: Array) -> float:
    """Return by how many steps of the order the classes are off, on average."""
    return float(np.abs(median_class(probabilities) - truth).mean())


def quadratic_kappa(truth: Array, probabilities: Array) -> float:
    """Return how far the classes agree beyond chance, far misses weighing more; 0 where chance explains all.

    References
    ----------
    J. Cohen, Weighted kappa, 1968.
    """
    said = median_class(probabilities)
    observed = ((truth - said) ** 2).mean()
    by_chance = (truth**2).mean() + (said**2).mean() - 2 * truth.mean() * said.mean()
    return float(1 - observed / by_chance) if by_chance > 0 else 0.0


class Ordinal(Kind):
    """Classes with an order: the logits (n, k - 1) are those of being at most each class but the last.

    References
    ----------
    P. McCullagh, Regression Models for Ordinal Data, 1980 (the proportional-odds model).
    """

    name = "ordinal"
    measures = (
        Measure("mean_absolute_error", mean_absolute_error, higher=False),
        Measure("accuracy", accuracy, share=True),
        Measure("quadratic_kappa", quadratic_kappa),
    )

    def read(self, column: str, cells: Sequence[str]) -> Task:
        """Return the task of a column of few whole numbers."""
        for cell in cells:
            if cell and not cell.lstrip("-").isdecimal():
                raise DataError(
                    f"column {column!r} must hold whole numbers to be ordinal, but one cell is {cell[:40]!r}: number "
                    f"the classes in their order, or take it as classes (--task-kinds {column}=classes)"
                )
        classes = class_order(cell for cell in cells if cell)
        check_two(column, classes)
        if len(classes) > MOST:
            raise DataError(
                f"column {column!r} must have at most {MOST} different whole numbers to be ordinal, but has "
                f"{len(classes)}: take it as numbers (--task-kinds {column}=numbers)"
            )
        return Task(column, self.name, classes, *indices(cells, classes))

    def answers(self, logits: Array) -> Array:
        """Return probabilities (n, k): the differences of being at most a class, and at most the one before."""
        at_most = sigmoid(logits)
        edge = np.ones((len(at_most), 1))
        return np.diff(np.hstack([0 * edge, at_most, edge]), axis=1)

    def losses(self, logits: Array, truth: Array) -> Array:
        """Return -log(probability of the truth) (n,)."""
        return -np.log(np.maximum(self.answers(logits)[np.arange(len(truth)), truth], 1e-12))

    def prior(self, truth: Array, classes: int) -> Array:
        """Return the log odds of being at most each class, as if each had been seen once more."""
        counts = np.bincount(truth, minlength=classes) + 1.0
        at_most = counts.cumsum()[:-1] / counts.sum()
        return np.log(at_most / (1 - at_most))

    def decide(self, answers: Array) -> Array:
        """Return the median class (n,)."""
        return median_class(answers)

    def fit(self, X: Array, truth: Array, classes: int, seed: int) -> tuple[Array, Array]:
        """Learn the proportional-odds model, its penalty chosen by cross-validation."""
        from regraft.heads.principal_space import PrincipalSpace

        space = PrincipalSpace(np.ascontiguousarray(X, dtype=np.float32), 1.0)
        Z = space.Z.astype(np.float64)
        fold = np.random.default_rng(seed).permutation(len(truth)) % FOLDS
        held_out = []
        for strength in STRENGTHS:
            loss = 0.0
            for left in range(FOLDS):
                kept = fold != left
                weights, thresholds = self._minimize(Z[kept], truth[kept], classes, strength)
                loss += self.losses(thresholds - (Z[~kept] @ weights)[:, None], truth[~kept]).sum()
            held_out.append(loss)
        weights, thresholds = self._minimize(Z, truth, classes, STRENGTHS[int(np.argmin(held_out))])
        coef = space.back(weights[:, None].astype(np.float32))[:, 0]
        return np.repeat(-coef[None], classes - 1, axis=0), thresholds + coef @ space.mean

    def _minimize(self, Z: Array, truth: Array, classes: int, strength: float) -> tuple[Array, Array]:
        """Return weights (r,) and rising thresholds (k - 1,) with the least penalised loss."""
        from scipy.optimize import minimize

        n, r = Z.shape
        penalty = (np.square(Z).mean(axis=0).sum() or 1.0) / (strength * n)
        start = self.prior(truth, classes)
        gaps = np.log(np.diff(start))

        def parted(point: Array) -> tuple[Array, Array]:
            return point[:r], point[r] + np.concatenate([[0.0], np.exp(point[r + 1 :]).cumsum()])

        def loss_and_gradient(point: Array) -> tuple[float, Array]:
            weights, thresholds = parted(point)
            at_most = sigmoid(thresholds - (Z @ weights)[:, None])
            edge = np.ones((n, 1))
            bounds = np.hstack([0 * edge, at_most, edge])
            rows = np.arange(n)
            probability = np.maximum(bounds[rows, truth + 1] - bounds[rows, truth], 1e-12)
            slopes = bounds * (1 - bounds)
            upper, lower = slopes[rows, truth + 1] / probability, slopes[rows, truth] / probability
            of_thresholds = np.zeros((n, classes + 1))
            of_thresholds[rows, truth + 1] -= upper
            of_thresholds[rows, truth] += lower
            by_threshold = of_thresholds[:, 1:-1].mean(axis=0)
            # A threshold moves with the first one, and with every gap below it.
            above = by_threshold[::-1].cumsum()[::-1]
            gradient = np.concatenate(
                [
                    Z.T @ (upper - lower) / n + penalty * weights,
                    above[:1],
                    above[1:] * np.exp(point[r + 1 :]),
                ]
            )
            return float(-np.log(probability).mean() + 0.5 * penalty * weights @ weights), gradient

        first = np.concatenate([np.zeros(r), start[:1], gaps])
        found = minimize(loss_and_gradient, first, jac=True, method="L-BFGS-B", options={"maxiter": 300})
        return parted(found.x)
