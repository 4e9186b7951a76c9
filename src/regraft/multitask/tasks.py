"""One task of several: its kind, its labels, and which examples have one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

KindName = Literal["classes", "multi-label", "ordinal", "numbers"]
KIND_NAMES: tuple[KindName, ...] = get_args(KindName)


@dataclass(frozen=True, eq=False)
class Task:
    """One column of labels.

    Parameters
    ----------
    name : str
        The column's name.
    kind : {"classes", "multi-label", "ordinal", "numbers"}
    classes : tuple of str
        Names in the order of the indices; of an ordinal task the whole numbers, rising; none of numbers.
    values : array
        Class indices (n,) int64; of multi-label 0 or 1 (n, k) float32; of numbers (n,) float64. What stands where
        `known` is false means nothing.
    known : bool array of shape (n,)
        Which examples have a label.
    """

    name: str
    kind: KindName
    classes: tuple[str, ...]
    values: npt.NDArray[Any]
    known: npt.NDArray[np.bool_]

    def take(self, index: npt.NDArray[np.int64]) -> Task:
        """Return the task of some of the examples."""
        return replace(self, values=self.values[index], known=self.known[index])

    def among(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return those of some positions that have a label."""
        return index[self.known[index]]

    @property
    def outputs(self) -> int:
        """How many numbers the task's head gives for one example."""
        if self.kind == "numbers":
            return 1
        return len(self.classes) - (self.kind == "ordinal")
