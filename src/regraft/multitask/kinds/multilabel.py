"""Tasks whose cells hold any number of labels, such as `indoor;night`: a yes or no for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.data.labels import class_order
from regraft.errors import DataError
from regraft.multitask.kinds.base import Array, Kind, Measure, check_two, sigmoid
from regraft.multitask.tasks import Task

SEPARATOR = ";"


def macro_f1(truth: Array, probabilities: Array) -> float:
    """Return the mean over the labels of each one's F1; labels without examples and predictions do not count."""
    said = probabilities >= 0.5
    hits, counts = (said * truth).sum(axis=0), said.sum(axis=0) + truth.sum(axis=0)
    there = counts > 0
    return float((2 * hits[there] / counts[there]).mean()) if there.any() else 0.0


def micro_f1(truth: Array, probabilities: Array) -> float:
    """Return the F1 of all labels of all examples, counted as one."""
    said = probabilities >= 0.5
    counts = said.sum() + truth.sum()
    return float(2 * (said * truth).sum() / counts) if counts else 0.0


def mean_average_precision(truth: Array, probabilities: Array) -> float:
    """Return the mean over the labels that some examples have of the average precision."""
    found = [average_precision(truth[:, c] > 0, probabilities[:, c]) for c in np.flatnonzero(truth.any(axis=0))]
    return float(np.mean(found)) if found else 0.0


def average_precision(positive: Array, score: Array) -> float:
    """Return the mean precision at which each positive example is found; equal scores are found together."""
    order = np.argsort(-score)
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    found = np.cumsum(positive[order])[last]
    return float(np.sum(np.diff(found, prepend=0) * found / (last + 1)) / found[-1])


def subset_accuracy(truth: Array, probabilities: Array) -> float:
    """Return the share of examples of which every label is right."""
    return float(((probabilities >= 0.5) == (truth > 0)).all(axis=1).mean())


class MultiLabel(Kind):
    """Any number of labels an example: a sigmoid for each."""

    name = "multi-label"
    measures = (
        Measure("macro_f1", macro_f1),
        Measure("micro_f1", micro_f1),
        Measure("mean_average_precision", mean_average_precision),
        Measure("subset_accuracy", subset_accuracy, share=True),
    )

    def read(self, column: str, cells: Sequence[str]) -> Task:
        """Return the task of a column of labels joined by semicolons; a lone semicolon says that there is none."""
        parted = [[label.strip() for label in cell.split(SEPARATOR) if label.strip()] for cell in cells]
        known = np.array([bool(cell) for cell in cells], dtype=bool)
        classes = class_order(label for labels in parted for label in labels)
        if not classes:
            raise DataError(f"column {column!r} names no label in any cell: fill it, or take it out of --label-columns")
        check_two(column, classes, "label")
        if all(len(set(labels)) == 1 for labels, there in zip(parted, known, strict=True) if there):
            raise DataError(
                f"column {column!r} has a single label in every cell, so there is nothing multi-label in it: "
                f"take it as classes (--task-kinds {column}=classes)"
            )
        position = {name: i for i, name in enumerate(classes)}
        values = np.zeros((len(cells), len(classes)), dtype=np.float32)
        for row, labels in enumerate(parted):
            values[row, [position[label] for label in labels]] = 1
        return Task(column, self.name, classes, values, known)

    def answers(self, logits: Array) -> Array:
        """Return the probability (n, k) of each label."""
        return sigmoid(logits)

    def losses(self, logits: Array, truth: Array) -> Array:
        """Return the mean over the labels of -log(probability of the truth) (n,)."""
        logits = np.asarray(logits, dtype=np.float64)
        return (np.logaddexp(0, logits) - logits * truth).mean(axis=1)

    def prior(self, truth: Array, classes: int) -> Array:
        """Return the log odds of each label, as if it had been seen once more and once more not."""
        yes = truth.sum(axis=0) + 1.0
        return np.log(yes / (len(truth) + 2 - yes))

    def fit(self, X: Array, truth: Array, classes: int, seed: int) -> tuple[Array, Array]:
        """Learn a logistic regression for each label; one that all examples have, or none, keeps its prior."""
        from regraft.heads.logistic import LogisticHead

        coef = np.zeros((classes, X.shape[1]), dtype=np.float32)
        intercept = self.prior(truth, classes).astype(np.float32)
        for c in range(classes):
            if 0 < truth[:, c].sum() < len(truth):
                tensors = LogisticHead(powers=(1.0,), seed=seed).fit(X, truth[:, c].astype(np.int64)).tensors_
                coef[c] = tensors["coef"][1] - tensors["coef"][0]
                intercept[c] = tensors["intercept"][1] - tensors["intercept"][0]
        return coef, intercept

    def decide(self, answers: Array) -> Array:
        """Return which labels (n, k) are more probable than not."""
        return answers >= 0.5

    def answer(self, row: Array, classes: tuple[str, ...]) -> tuple[Any, dict[str, float]]:
        """Return the labels that are more probable than not, and the probability of each."""
        order = np.argsort(-row, kind="stable")
        said = self.decide(row)
        return [classes[i] for i in order if said[i]], {classes[i]: float(row[i]) for i in order}
