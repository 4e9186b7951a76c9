"""What a classifier keeps of the images it learnt from, so that classes can be added and taken away without them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.out_of_distribution import prepared

PER_CLASS, IN_ALL = 40, 1000
"""Images kept of each class, and of all classes together (but one of each at least)."""

# Measured on flowers and on hand signs, each class in turn learnt from 5 images: recall of the new class where 1% of
# the old classes' test images are given up, by images remembered of each old class.
#
#             10      20      40      50     all (about 130)
#   flowers   0.65    0.69    0.72    0.71    0.73
#   signs     0.73    0.79    0.83    0.83    0.83
#
# 40 drawn at random had 0.717, 40 by herding (Rebuffi et al., iCaRL, 2017) 0.735; but only what is drawn at random says
# how often new images will be mistaken, since herding leaves the odd ones out. One byte a value instead of a
# float changed no figure by more than 0.002.

LEAST_LOG = -60.0


@dataclass(frozen=True, eq=False)
class Memory:
    """Features of some images of each class, and what the head says of them.

    Parameters
    ----------
    rows : int8 array of shape (m, d)
        Signed roots of the features, each image's scaled so that the largest is 127.
    labels : int array of shape (m,)
        Their classes, by position among the classifier's classes.
    said : float16 array of shape (m, b)
        Logarithms of the probabilities of the classes that the head was fitted on, as it gave them to images that it
        was not fitted on.
    widths : tuple of int
        Columns of each backbone.
    """

    rows: npt.NDArray[np.int8]
    labels: npt.NDArray[np.int32]
    said: npt.NDArray[np.float16]
    widths: tuple[int, ...]

    @classmethod
    def draw(
        cls,
        features: npt.NDArray[np.float32],
        y: npt.NDArray[np.integer],
        probabilities: npt.NDArray[np.float64],
        widths: tuple[int, ...],
        seed: int = 0,
    ) -> Memory:
        """Keep some images of each class, drawn at random.

        Parameters
        ----------
        features : array of shape (n, d)
        y : int array of shape (n,)
            Class indices.
        probabilities : array of shape (n, k)
            What the head said of them when it was not fitted on them.
        widths : tuple of int
            Columns of each backbone.
        seed : int
            Of the draw.
        """
        most = min(PER_CLASS, max(1, IN_ALL // probabilities.shape[1]))
        order = np.random.default_rng(seed).permutation(len(y))
        kept = np.sort(np.concatenate([order[y[order] == label][:most] for label in np.unique(y)]))
        return cls(
            _packed(features[kept], widths), y[kept].astype(np.int32), _logarithms(probabilities[kept]), tuple(widths)
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def roots(self) -> npt.NDArray[np.float32]:
        """The signed roots (m, d) of the features, each backbone's at length one."""
        return prepared(self.features, self.widths)

    @property
    def features(self) -> npt.NDArray[np.float32]:
        """The features (m, d), each image's up to a factor."""
        values = self.rows.astype(np.float32) / 127
        return np.copysign(values**2, values)

    def learnt(self, features: npt.NDArray[np.float32], label: int, probabilities: npt.NDArray[np.float64]) -> Memory:
        """Return a memory with further images of one class; those remembered of it already are not doubled.

        Parameters
        ----------
        features : array of shape (s, d)
        label : int
            Their class.
        probabilities : array of shape (s, b)
            What the head says of them.
        """
        known = {row.tobytes() for row in self.rows[self.labels == label]}
        rows, new = _packed(features, self.widths), []
        for position, row in enumerate(rows):
            if row.tobytes() not in known:
                known.add(row.tobytes())
                new.append(position)
        return replace(
            self,
            rows=np.concatenate([self.rows, rows[new]]),
            labels=np.concatenate([self.labels, np.full(len(new), label, np.int32)]),
            said=np.concatenate([self.said, _logarithms(probabilities[new])]),
        )

    def owners(self, features: npt.NDArray[np.float32]) -> list[int | None]:
        """Return the class that remembers each of some images (s, d) exactly; None where none does."""
        known = {row.tobytes(): int(label) for row, label in zip(self.rows, self.labels, strict=True)}
        return [known.get(row.tobytes()) for row in _packed(features, self.widths)]

    def forgotten(self, label: int) -> Memory:
        """Return a memory without a class; later classes move up."""
        kept, said = self.labels != label, self.said.astype(np.float64)
        if label < said.shape[1]:
            said = np.delete(said, label, axis=1)
            said -= np.log(np.exp(said).sum(axis=1, keepdims=True))
        labels = self.labels[kept]
        return replace(
            self,
            rows=self.rows[kept],
            labels=labels - (labels > label).astype(np.int32),
            said=np.maximum(said[kept], LEAST_LOG).astype(np.float16),
        )

    def check(self, fitted: int, k: int, widths: tuple[int, ...]) -> None:
        """Raise ValueError unless this is of a classifier with k classes, so many of them fitted."""
        if self.said.shape[1] != fitted or self.labels.max() >= k or self.widths != widths:
            raise ValueError(f"a memory of {self.said.shape[1]} classes and the widths {self.widths}")

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the plain settings that `from_state` takes."""
        return {"rows": self.rows, "labels": self.labels, "said": self.said}, {"widths": list(self.widths)}

    @classmethod
    def from_state(cls, tensors: dict[str, np.ndarray], settings: dict[str, Any]) -> Memory:
        """Return the memory whose `state()` this was."""
        rows, labels, said = tensors["rows"], tensors["labels"], tensors["said"]
        widths = tuple(int(width) for width in settings["widths"])
        m = len(labels)
        sound = (
            (rows.dtype, labels.dtype, said.dtype) == (np.int8, np.int32, np.float16)
            and rows.shape == (m, sum(widths))
            and said.shape[:1] == (m,)
            and said.ndim == 2
            and m > 0
            and min(widths) > 0
            and labels.min() >= 0
        )
        if not sound:
            raise ValueError(f"a memory of {rows.shape} features, {labels.shape} labels and {said.shape} answers")
        return cls(rows, labels, said, widths)


def _packed(features: npt.NDArray[np.float32], widths: tuple[int, ...]) -> npt.NDArray[np.int8]:
    roots = prepared(np.asarray(features, np.float32), widths)
    largest = np.maximum(np.abs(roots).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.rint(127 * roots / largest).astype(np.int8)


def _logarithms(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float16]:
    return np.log(np.maximum(probabilities, np.exp(LEAST_LOG))).astype(np.float16)
