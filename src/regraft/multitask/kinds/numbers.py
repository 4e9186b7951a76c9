"""Tasks whose label is a number, such as a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.errors import DataError
from regraft.multitask.kinds.base import Array, Kind, Measure
from regraft.multitask.tasks import Task

ALPHAS = tuple((10.0 ** np.arange(-1.0, 5.1, 0.5)).tolist())
"""Strengths of the penalty to choose from, on standardised features."""


def as_number(cell: str) -> float | None:
    """Return the finite number that a cell holds, or None."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def mean_absolute_error(truth: Array, said: Array) -> float:
    """Return the mean distance from the true numbers, in their unit."""
    return float(np.abs(truth - said).mean())


def r2(truth: Array, said: Array) -> float:
    """Return the share of the numbers' variance that is explained; 0 where they do not vary."""
    spread = ((truth - truth.mean()) ** 2).sum()
    return float(1 - ((truth - said) ** 2).sum() / spread) if spread > 0 else 0.0


def spread_of(X: Array) -> Array:
    """Return by what each feature (d,) is divided so that all weigh alike, those that hardly vary excepted.

    A feature that is nothing for all but a few examples would be blown up by its own spread, and with it a new example
    that has more of it.
    """
    spread = X.std(axis=0)
    return np.maximum(spread, 0.2 * spread.mean() or 1.0)


class Numbers(Kind):
    """A number an example: regression."""

    name = "numbers"
    measures = (
        Measure("mean_absolute_error", mean_absolute_error, higher=False),
        Measure("r2", r2),
    )

    def read(self, column: str, cells: Sequence[str]) -> Task:
        """Return the task of a column of numbers."""
        numbers = [as_number(cell) if cell else None for cell in cells]
        text = next((cell for cell, value in zip(cells, numbers, strict=True) if cell and value is None), None)
        if text is not None:
            raise DataError(
                f"column {column!r} must hold numbers, but one cell is {text[:40]!r}: mend it, leave it empty, or take "
                f"the column as classes (--task-kinds {column}=classes)"
            )
        found = {value for value in numbers if value is not None}
        if len(found) == 1:
            raise DataError(
                f"column {column!r} has the same number, {found.pop():g}, in every row, so there is nothing to learn: "
                f"take it out of --label-columns"
            )
        values = np.array([0.0 if value is None else value for value in numbers], dtype=np.float64)
        return Task(column, self.name, (), values, np.array([value is not None for value in numbers], dtype=bool))

    def answers(self, logits: Array) -> Array:
        """Return the numbers (n,) themselves."""
        return np.asarray(logits, dtype=np.float64)[:, 0]

    def losses(self, logits: Array, truth: Array) -> Array:
        """Return squared errors (n,)."""
        return (self.answers(logits) - truth) ** 2

    def prior(self, truth: Array, classes: int) -> Array:
        """Return the mean (1,)."""
        return np.array([truth.mean()])

    def fit(self, X: Array, truth: Array, classes: int, seed: int) -> tuple[Array, Array]:
        """Learn a ridge regression whose penalty is chosen by leaving each example out.

        References
        ----------
        Hoerl & Kennard, Ridge Regression: Biased Estimation for Nonorthogonal Problems, 1970.
        """
        from sklearn.linear_model import RidgeCV

        mean, spread = X.mean(axis=0, dtype=np.float64), spread_of(X).astype(np.float64)
        unit = truth.std() or 1.0
        ridge = RidgeCV(ALPHAS).fit((X - mean) / spread, (truth - truth.mean()) / unit)
        coef = unit * ridge.coef_[None] / spread
        return coef, truth.mean() + unit * ridge.intercept_ - coef @ mean

    def scale(self, logits: Array, truth: Array) -> tuple[float, float]:
        """Return 1: numbers are not sure or unsure of themselves; and the mean squared error."""
        return 1.0, float(self.losses(logits, truth).mean())

    def answer(self, row: Array, classes: tuple[str, ...]) -> tuple[Any, dict[str, float]]:
        """Return the number; there are no probabilities."""
        return float(row), {}
