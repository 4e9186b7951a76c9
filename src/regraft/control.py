"""The control: what can be told of the same examples without anything learnt before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Dataset
from regraft.data.looks import SIDE, Looks
from regraft.data.splits import folds
from regraft.evaluation.transfer import Verdict, judge
from regraft.probe import probe, probe_few
from regraft.protocol import FOLDS

GRID = 16
"""Pixels of the side of what the control sees: with 32 it was no better on flowers, signs, cats and dogs, hot dogs."""

HEADS: dict[str, dict[str, Any]] = {"logistic": {"powers": (1.0,)}, "knn": {}}
FOR_FEW: dict[str, dict[str, Any]] = {"prototype": {"power": 1.0}, "centroid": {}}

PIXELS = "the raw pixels alone"
SPECTROGRAMS = "the spectrograms' raw pixels alone"
WORDS = "TF-IDF of the words"

RAW = {"image": "raw pixels", "text": "TF-IDF of the words", "audio": "raw spectrograms"}
"""What the examples of a modality are without any network."""


@dataclass(frozen=True)
class Control:
    """How well raw pixels or plain words do, and whether transfer beats them.

    Parameters
    ----------
    accuracy : float
        Of the control, on the test examples.
    head : str
        Which head was chosen for it, without them.
    verdict : Verdict
    control : str
        What the control is, in words.
    """

    accuracy: float
    head: str
    verdict: Verdict
    control: str = PIXELS

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"accuracy": self.accuracy, "head": self.head, "control": self.control, **self.verdict.to_dict()}


def pixels(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the raw pixels (n, 768) in 0..1 of thumbnails (n, 32, 32, 3), shrunk to 16 x 16."""
    n, by = len(thumbnails), SIDE // GRID
    cells = thumbnails.reshape(n, GRID, by, GRID, by, 3).mean((2, 4), dtype=np.float32)
    return cells.reshape(n, -1) / np.float32(255)


def raw_values(looks: Looks) -> npt.NDArray[np.float32]:
    """Return examples as they are before any network, for a linear probe (n, d): pixels, or sums of their words."""
    if looks.texts is None:
        return pixels(looks.thumbnails)
    from regraft.heads.tfidf import summed_up

    return summed_up(looks.texts)


def against_raw(
    dataset: Dataset,
    looks: Looks,
    protocol: str,
    test_index: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    seed: int,
    *,
    few: bool = False,
) -> Control:
    """Return whether a classifier beats one on raw pixels, or for texts on plain words.

    Parameters
    ----------
    dataset : Dataset
    looks : Looks
        Of its examples.
    protocol, test_index, probabilities, seed, few
        As in `against_pixels`.
    """
    if looks.texts is None:
        return against_pixels(dataset, looks.thumbnails, protocol, test_index, probabilities, seed, few=few)
    return against_words(dataset, looks.texts, protocol, test_index, probabilities, seed, few=few)


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
    control = SPECTROGRAMS if dataset.modality == "audio" else PIXELS
    return _control(dataset, test_index, probabilities, named[test_index], learnt.selection.name, control)


def against_words(
    dataset: Dataset,
    texts: Sequence[str],
    protocol: str,
    test_index: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    seed: int,
    *,
    few: bool = False,
) -> Control:
    """Return whether a classifier of texts beats one on their plain words, learnt on the same texts.

    Parameters
    ----------
    dataset : Dataset
    texts : sequence of str, length n
        Of its examples.
    protocol : {"given", "holdout", "cross-validation"}
    test_index : int array of shape (m,)
    probabilities : float array of shape (m, k)
        What the classifier says of the texts at `test_index`.
    seed : int
    few : bool
        Whether a few texts a class are learnt from: then nothing is chosen by holding some of them out.
    """
    from threadpoolctl import threadpool_limits

    from regraft.heads.tfidf import CS, DEFAULT_C, TfidfClassifier

    parts = [(dataset.part("train"), np.asarray(test_index))]
    if protocol == "cross-validation":
        parts = folds(dataset.y, dataset.groups, FOLDS, seed)
    named = np.full(len(dataset), -1)
    with threadpool_limits(limits=1):
        for train, test in parts:
            groups = None if dataset.groups is None else dataset.groups[train]
            head = TfidfClassifier((DEFAULT_C,) if few else CS, seed)
            head.fit([texts[i] for i in train], dataset.y[train], groups)
            said = head.predict_proba([texts[i] for i in test])
            named[test] = head.classes_[said.argmax(axis=1)]
    return _control(dataset, test_index, probabilities, named[test_index], "logistic", WORDS)


def _control(
    dataset: Dataset,
    test_index: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    named: npt.NDArray[np.int64],
    head: str,
    control: str,
) -> Control:
    truth = dataset.y[test_index]
    right, without = probabilities.argmax(axis=1) == truth, named == truth
    return Control(float(without.mean()), head, judge(right, without, control, things=dataset.things), control)
