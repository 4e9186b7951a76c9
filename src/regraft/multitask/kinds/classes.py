"""Tasks whose label is one of several classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.data.labels import class_order
from regraft.heads.scoring import softmax
from regraft.multitask.kinds.base import Array, Kind, Measure, check_two, indices
from regraft.multitask.tasks import Task


def accuracy(truth: Array, probabilities: Array) -> float:
    """Return the share of examples whose most probable class is the true one."""
    return float((probabilities.argmax(axis=1) == truth).mean())


def macro_f1(truth: Array, probabilities: Array) -> float:
    """Return the mean F1 of the classes that have examples or predictions."""
    k = probabilities.shape[1]
    said = probabilities.argmax(axis=1)
    counts = np.bincount(truth, minlength=k) + np.bincount(said, minlength=k)
    hits = np.bincount(truth[truth == said], minlength=k)
    there = counts > 0
    return float((2 * hits[there] / counts[there]).mean())


def log_loss(truth: Array, probabilities: Array) -> float:
    """Return the mean negative logarithm of the true class's probability, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean())


class Classes(Kind):
    """One class an example: softmax over the classes."""

    name = "classes"
    measures = (
        Measure("accuracy", accuracy, share=True),
        Measure("macro_f1", macro_f1),
        Measure("log_loss", log_loss, higher=False),
    )

    def read(self, column: str, cells: Sequence[str]) -> Task:
        """Return the task of a column of class names."""
        classes = class_order(cell for cell in cells if cell)
        check_two(column, classes)
        return Task(column, self.name, classes, *indices(cells, classes))

    def answers(self, logits: Array) -> Array:
        """Return probabilities (n, k)."""
        return softmax(logits)

    def losses(self, logits: Array, truth: Array) -> Array:
        """Return -log(probability of the truth) (n,)."""
        return -np.log(np.maximum(softmax(logits)[np.arange(len(truth)), truth], 1e-12))

    def prior(self, truth: Array, classes: int) -> Array:
        """Return the logarithm of each class's share, as if each had been seen once more."""
        counts = np.bincount(truth, minlength=classes) + 1.0
        return np.log(counts / counts.sum())

    def fit(self, X: Array, truth: Array, classes: int, seed: int) -> tuple[Array, Array]:
        """Learn a logistic regression whose penalty is chosen by cross-validation."""
        from regraft.heads.logistic import LogisticHead

        head = LogisticHead(powers=(1.0,), seed=seed).fit(X, truth)
        coef = np.zeros((classes, X.shape[1]), dtype=np.float32)
        # A class without an example here is as improbable as one that would show in the next example, at most.
        intercept = np.full(classes, head.tensors_["intercept"].min() - np.log(len(truth) + 1), dtype=np.float32)
        coef[head.classes_], intercept[head.classes_] = head.tensors_["coef"], head.tensors_["intercept"]
        return coef, intercept

    def scale(self, logits: Array, truth: Array) -> tuple[float, float]:
        """Return the inverse temperature with the least log loss, and that loss."""
        from regraft.heads.temperature import fit_temperature

        return fit_temperature(logits, truth)
