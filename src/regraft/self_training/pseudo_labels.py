"""Which classes images without labels are taken for, and which of them are sure enough to be learnt from.

References
----------
Zou et al., "Unsupervised domain adaptation for semantic segmentation via class-balanced self-training", 2018 (a
threshold of its own for each class).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Source = Literal["head and graph", "graph"]

PORTIONS = (0.7, 0.4)
"""Shares of the images taken for a class, the surest first, that are learnt from."""

AT_MOST = 2.0
"""Most images of a class, as a multiple of what classes have in the (geometric) mean: one must not swallow all."""


@dataclass(frozen=True)
class Rule:
    """How pseudo-labels come about.

    Parameters
    ----------
    source : {"head and graph", "graph"}
        Labels spread over the graph of nearest neighbours, alone or multiplied with what the head says.
    portion : float
        Share of the images taken for a class that are learnt from, the surest first.
    """

    source: Source
    portion: float


RULES = tuple(Rule(source, portion) for portion in PORTIONS for source in get_args(Source))
"""Those to choose from; of equals the first is taken."""


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Images without labels that are taken for labelled.

    Parameters
    ----------
    rows : int array of shape (p,)
        Which images.
    labels : int array of shape (p,)
        Class indices.
    confidence : float array of shape (p,)
    """

    rows: npt.NDArray[np.intp]
    labels: npt.NDArray[np.intp]
    confidence: npt.NDArray[np.float64]


def pseudo_labels(
    rule: Rule, said: npt.NDArray[np.float64], reached: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> PseudoLabels:
    """Return the images to be learnt from.

    Parameters
    ----------
    rule : Rule
    said : array of shape (u, k)
        Probabilities of the head.
    reached : array of shape (u, k)
        Shares of the classes in the graph.
    expected : array of shape (k,)
        The classes' shares among the labelled images. What is said is drawn half way (in logarithms) towards them,
        since with few examples one class attracts all.
    """
    p = reached if rule.source == "graph" else shares(said * reached)
    p = shares(p * np.sqrt(expected / np.maximum(p.mean(axis=0), 1e-9)))
    labels, confidence = p.argmax(axis=1), p.max(axis=1)
    kept = [_surest(np.flatnonzero(labels == c), confidence, rule.portion) for c in range(p.shape[1])]
    counts = np.array([len(rows) for rows in kept])
    typical = np.exp(np.mean(np.log(counts / (expected * len(expected)) + 1)))
    most = np.ceil(AT_MOST * typical * expected * len(expected)).astype(int)
    rows = np.concatenate([rows[:limit] for rows, limit in zip(kept, most, strict=True)])
    return PseudoLabels(rows, labels[rows], confidence[rows])


def _surest(rows: npt.NDArray[np.intp], confidence: npt.NDArray[np.float64], portion: float) -> npt.NDArray[np.intp]:
    order = np.argsort(-confidence[rows], kind="stable")
    return rows[order[: int(np.ceil(portion * len(rows)))]]


def mix_distance(
    said: npt.NDArray[np.float64], reached: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> float:
    """Return how far the classes' shares among the images without labels are from the expected ones, 0 to 1.

    It is the total variation distance: the share of images that would have to change their class.
    """
    taken = np.bincount((said * reached).argmax(axis=1), minlength=len(expected)) / len(said)
    return float(np.abs(taken - expected).sum() / 2)


def shares(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rows (n, k) that sum to 1, no share of them quite 0."""
    values = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300) + 1e-6
    return values / values.sum(axis=1, keepdims=True)
