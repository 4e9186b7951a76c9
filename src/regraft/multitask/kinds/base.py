"""What a kind of task says of itself: how cells are read, how logits become answers, and how good these are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.multitask.tasks import KindName, Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Measure:
    """A figure of how good answers are.

    Parameters
    ----------
    name : str
        As people and JSON call it.
    of : callable
        From labels and answers of the same examples to the figure.
    higher : bool
        Whether more is better.
    share : bool
        Whether it is a share of examples that are right or wrong, which has intervals of its own.
    """

    name: str
    of: Callable[[Array, Array], float]
    higher: bool = True
    share: bool = False


class Kind(ABC):
    """One kind of task; it keeps nothing."""

    name: ClassVar[KindName]
    measures: ClassVar[tuple[Measure, ...]]
    """The first is the one that gain and loss are told by."""

    @abstractmethod
    def read(self, column: str, cells: Sequence[str]) -> Task:
        """Return the task of a column's cells; an empty cell is a label that is not known.

        Raises
        ------
        DataError
            If the cells are of another kind, or there is nothing to tell apart.
        """

    @abstractmethod
    def answers(self, logits: Array) -> Array:
        """Return what logits (n, o) say: probabilities (n, k), or numbers (n,)."""

    @abstractmethod
    def losses(self, logits: Array, truth: Array) -> Array:
        """Return the loss (n,) of each example, in nats or, for numbers, squared units."""

    @abstractmethod
    def prior(self, truth: Array, classes: int) -> Array:
        """Return the logits (o,) of one who knows the labels' shares and sees no example."""

    @abstractmethod
    def fit(self, X: Array, truth: Array, classes: int, seed: int) -> tuple[Array, Array]:
        """Learn a linear map of features (n, d): coefficients (o, d) and intercepts (o,)."""

    def answer(self, row: Array, classes: tuple[str, ...]) -> tuple[Any, dict[str, float]]:
        """Return what one example's answer (k,) is in words, and the probability of each class, the largest first."""
        order = np.argsort(-row, kind="stable")
        return classes[self.decide(row[None])[0]], {classes[i]: float(row[i]) for i in order}

    def decide(self, answers: Array) -> Array:
        """Return the class (n,) that probabilities (n, k) speak for."""
        return answers.argmax(axis=1)

    def scale(self, logits: Array, truth: Array) -> tuple[float, float]:
        """Return what logits must be multiplied by to be as sure as they deserve to be, and the mean loss then."""
        from scipy.optimize import minimize_scalar

        def loss(log_scale: float) -> float:
            return float(self.losses(np.exp(log_scale) * logits, truth).mean())

        best = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 0.01})
        return float(np.exp(best.x)), float(best.fun)


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-logits)), which never overflows."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))


def check_two(column: str, classes: Sequence[str], what: str = "class") -> None:
    """Raise DataError unless a column has two classes or more."""
    if len(classes) == 1:
        raise DataError(
            f"column {column!r} has only one {what}, {classes[0]!r}, and at least two are needed: "
            f"take it out of --label-columns, or label more"
        )


def indices(cells: Sequence[str], classes: Sequence[str]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the class (n,) of each cell, and which have one."""
    position = {name: i for i, name in enumerate(classes)}
    values = np.array([position.get(cell, 0) for cell in cells], dtype=np.int64)
    return values, np.array([bool(cell) for cell in cells], dtype=bool)
