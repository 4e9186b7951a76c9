"""The labelled examples of a job, as an immutable value; it never holds pixels or samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

TASK = "label"
"""Name of the task where a dataset has only one."""

SPLITS = ("train", "val", "test")


@runtime_checkable
class Row(Protocol):
    """One image inside a larger store, read when asked."""

    def read(self) -> np.ndarray:
        """Return the image's array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)."""
        ...


Example = Path | bytes | str | np.ndarray | Row
"""Where one example is: a file, its encoded bytes, a text itself, an array, or a row of a larger store."""

NOUNS = {"image": ("image", "images"), "text": ("text", "texts"), "audio": ("recording", "recordings")}
"""What people call one example of a modality, and many."""


@dataclass(frozen=True)
class Skipped:
    """An example left out, and why.

    Parameters
    ----------
    name : str
        What the user calls the example: a path below the source, or a row.
    reason : str
        Why it was left out, in a few words.
    """

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples, their classes, and how they are split.

    Parameters
    ----------
    examples : sequence of Path, bytes, str, array or Row, length n
        Where each example is.
    names : tuple of str, length n
        What the user calls each example.
    labels : dict of str to int array of shape (n,)
        Class indices, one array a task.
    classes : dict of str to tuple of str
        Class names, one tuple a task, in the order that the indices mean.
    split : array of str of shape (n,), optional
        "train", "val" or "test" for each example; None where the source has no split of its own.
    groups : array of str of shape (n,), optional
        Examples of one group never straddle a split.
    domain : array of str of shape (n,), optional
        Where each example is from, such as a camera or a speaker; None where nothing is said of it.
    modality : {"image", "text", "audio"}
    name : str
        A short name for the run: the folder's or file's.
    notes : tuple of str
        What was inferred from the source, each a sentence to be shown to the user.
    skipped : tuple of Skipped
        Examples that the source names and that cannot be used.
    """

    examples: Sequence[Any]
    names: tuple[str, ...]
    labels: dict[str, npt.NDArray[np.int64]]
    classes: dict[str, tuple[str, ...]]
    split: npt.NDArray[np.str_] | None = None
    groups: npt.NDArray[np.str_] | None = None
    domain: npt.NDArray[np.str_] | None = None
    modality: str = "image"
    name: str = "data"
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    _keep: Any = field(default=None, repr=False)
    """Whatever must live as long as the examples do: a temporary folder, an open file."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def things(self) -> str:
        """What people call the examples: images, texts or recordings."""
        return NOUNS[self.modality][1]

    def count(self, n: int) -> str:
        """Return so many examples in words, such as "1,000 images"."""
        return f"{n:,} {NOUNS[self.modality][n != 1]}"

    @property
    def y(self) -> npt.NDArray[np.int64]:
        """Class indices of the only task (n,)."""
        return self.labels[TASK]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names of the only task, in the order of the indices."""
        return self.classes[TASK]

    def take(self, index: npt.ArrayLike) -> Dataset:
        """Return the dataset of the examples at `index` (integers, or a mask of shape (n,))."""
        index = np.asarray(index)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        return replace(
            self,
            examples=[self.examples[int(i)] for i in index],
            names=tuple(self.names[int(i)] for i in index),
            labels={task: y[index] for task, y in self.labels.items()},
            split=None if self.split is None else self.split[index],
            groups=None if self.groups is None else self.groups[index],
            domain=None if self.domain is None else self.domain[index],
        )

    def part(self, split: str) -> npt.NDArray[np.int64]:
        """Return the indices of the examples in "train", "val" or "test"."""
        if self.split is None:
            return np.arange(len(self)) if split == "train" else np.arange(0)
        return np.flatnonzero(self.split == split)

    def with_split(self, split: npt.ArrayLike, note: str | None = None) -> Dataset:
        """Return the dataset with another split (n,), and a note that says where it came from."""
        notes = self.notes + ((note,) if note else ())
        return replace(self, split=np.asarray(split, dtype="<U5"), notes=notes)
