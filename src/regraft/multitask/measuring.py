"""How good each way of learning a task is on the same test rows, and which of two is better; all with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from regraft.evaluation.intervals import wilson
from regraft.evaluation.significance import paired_gain
from regraft.multitask.kinds import KINDS
from regraft.multitask.kinds.base import Kind, Measure

RESAMPLES = 500

Verdict = Literal["gained", "lost", "unclear"]


@dataclass(frozen=True)
class Figure:
    """A figure and its 95% interval."""

    value: float
    ci95: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"value": self.value, "ci95": list(self.ci95)}


Figures = dict[str, Figure]
"""By measure."""


@dataclass(frozen=True)
class Compared:
    """The ways to learn one task on the same test rows.

    Parameters
    ----------
    ways : dict of str to dict of str to Figure
        Of each way, by measure.
    gain : dict of str to Figure
        By measure, how much better "together" is than "alone", or of a single task "alone" than "linear": above 0 is
        better, whatever the measure.
    usual : dict of str to float
        By measure, what one gets who sees no example: the most frequent class, or the mean.
    """

    ways: dict[str, Figures]
    gain: Figures
    usual: dict[str, float]


def compare(
    kind: str, truth: np.ndarray, answers: Mapping[str, np.ndarray], usual: np.ndarray, seed: int = 0
) -> Compared:
    """Measure each way on the same rows.

    Parameters
    ----------
    kind : str
        Of the task.
    truth : array of length n
        Labels of the test rows that have one.
    answers : mapping of str to array
        By way, "alone" among them, with "together" or "linear": probabilities (n, k), or numbers (n,).
    usual : array
        The answer (k,), or the number (1,), of one who sees no example.
    seed : int
        Of the bootstrap.

    References
    ----------
    B. Efron, Bootstrap Methods: Another Look at the Jackknife, 1979; of shares, Wilson, 1927, and Newcombe, 1998.
    """
    n = len(truth)
    task = KINDS[kind]
    drawn = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))
    pair = ("together", "alone") if "together" in answers else ("alone", "linear")
    ways: dict[str, Figures] = {way: {} for way in answers}
    gain: Figures = {}
    for measure in task.measures:
        again = {
            way: np.array([measure.of(truth[rows], said[rows]) for rows in drawn]) for way, said in answers.items()
        }
        for way, said in answers.items():
            value = measure.of(truth, said)
            ways[way][measure.name] = Figure(value, _interval(measure, value, again[way], n))
        gain[measure.name] = _gain(task, measure, truth, answers, again, pair)
    constant = np.repeat(np.asarray(usual)[None], n, axis=0).reshape((n, -1) if kind != "numbers" else n)
    return Compared(ways, gain, {measure.name: measure.of(truth, constant) for measure in task.measures})


def verdict(gain: Figure) -> Verdict:
    """Return whether a gain's interval lies above 0, below it, or holds it."""
    low, high = gain.ci95
    return "gained" if low > 0 else "lost" if high < 0 else "unclear"


def _interval(measure: Measure, value: float, again: np.ndarray, n: int) -> tuple[float, float]:
    if measure.share:
        return wilson(round(value * n), n)
    low, high = np.quantile(again, [0.025, 0.975])
    return float(low), float(high)


def _gain(
    task: Kind,
    measure: Measure,
    truth: np.ndarray,
    answers: Mapping[str, np.ndarray],
    again: dict[str, np.ndarray],
    pair: tuple[str, str],
) -> Figure:
    """Return how much better the first of a pair of ways is than the second."""
    one, other = pair
    if measure.share:
        return Figure(*paired_gain(_right(task, truth, answers[one]), _right(task, truth, answers[other])))
    sign = 1 if measure.higher else -1
    differences = sign * (again[one] - again[other])
    low, high = np.quantile(differences, [0.025, 0.975])
    value = sign * (measure.of(truth, answers[one]) - measure.of(truth, answers[other]))
    return Figure(float(value), (float(low), float(high)))


def _right(task: Kind, truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Return of which examples (n,) the decision is right, in every label of it."""
    same = task.decide(said) == truth
    return same if same.ndim == 1 else same.all(axis=1)
