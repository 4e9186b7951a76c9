"""The control: what can be told of the same images without anything learnt before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Dataset
from regraft.data.looks import SIDE
from regraft.evaluation.transfer import Verdict, judge
from regraft.probe import probe, probe_few

GRID = 16
"""Pixels of the side of what the control sees: with 32 it was no better on flowers, signs, cats and dogs, hot dogs."""

HEADS: dict[str, dict[str, Any]] = {"logistic": {"powers": (1.0,)}, "knn": {}}
FOR_FEW: dict[str, dict[str, Any]] = {"prototype": {"power": 1.0}, "centroid": {}}

CONTROL = "the raw pixels alone"


@dataclass(frozen=True)
class Control:
    """How well raw pixels do, and whether transfer beats them.

    Parameters
    ----------
    accuracy : float
        Of the control, on the test images.
    head : str
        Which head on pixels was chosen, without them.
    verdict : Verdict
    """

    accuracy: float
    head: str
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"accuracy": self.accuracy, "head": self.head, "control": CONTROL, **self.verdict.to_dict()}


def pixels(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the raw pixels (n, 768) in 0..1 of thumbnails (n, 32, 32, 3), shrunk to 16 x 16."""
    n, by = len(thumbnails), SIDE // GRID
    cells = thumbnails.reshape(n, GRID, by, GRID, by, 3).mean((2, 4), dtype=np.float32)
    return cells.reshape(n, -1) / np.float32(255)


def against_pixels(
    dataset: Dataset,
    thumbnails: npt.NDArray[np.uint8],
    protocol: str,
    test_index: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    seed: int,
    *,
    few: bool = False,
) -> Control:
    """Return whether a classifier beats one on raw pixels, learnt and chosen on the same images.

    Parameters
    ----------
    dataset : Dataset
    thumbnails : uint8 array of shape (n, 32, 32, 3)
        Of its images.
    protocol : {"given", "holdout", "cross-validation"}
    test_index : int array of shape (m,)
    probabilities : float array of shape (m, k)
        What the classifier says of the images at `test_index`.
    seed : int
    few : bool
        Whether a few images a class are learnt from.
    """
    seen = pixels(thumbnails)
    if few:
        learnt, _ = probe_few(dataset, seen, protocol, {}, FOR_FEW, seed)
    else:
        learnt = probe(dataset, seen, protocol, HEADS, seed)
    named = np.full(len(dataset), -1)
    named[learnt.test_index] = learnt.test_probabilities.argmax(axis=1)
    truth = dataset.y[test_index]
    right, without = probabilities.argmax(axis=1) == truth, named[test_index] == truth
    return Control(float(without.mean()), learnt.selection.name, judge(right, without, CONTROL))
