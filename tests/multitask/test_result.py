from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regraft.multitask.measuring import Compared, Figure
from regraft.multitask.result import TaskFound, TasksResult


def found(name: str, alone: float, gain: Figure, kind: Any = "classes", measure: str = "accuracy") -> TaskFound:
    figures = {way: {measure: Figure(value, (0.0, 1.0))} for way, value in (("alone", alone), ("together", 0.9))}
    compared = Compared(figures, {measure: gain}, {measure: 0.5})
    return TaskFound(name, kind, ("a", "b"), 80, 20, 30, 0, {}, {}, "together", compared)


BETTER, WORSE, SAME = Figure(0.1, (0.05, 0.15)), Figure(-0.1, (-0.2, -0.01)), Figure(0.0, (-0.1, 0.1))


def test_a_gain_is_told_in_shares_of_the_error() -> None:
    cut = found("pet", 0.8, BETTER).error_cut
    assert cut is not None and (cut.value, *cut.ci95) == pytest.approx((0.5, 0.25, 0.75))
    cut = found("weight", 4.0, BETTER, "numbers", "mean_absolute_error").error_cut
    assert cut is not None and cut.value == pytest.approx(0.025)
    assert found("pet", 1.0, SAME).error_cut is None


def test_a_sentence_names_negative_transfer() -> None:
    assert found("pet", 1.0, WORSE).sentence == (
        "pet lost by learning together (negative transfer): accuracy 1 alone, 0.9 together (gain -0.1, 95% "
        "interval -0.2 to -0.01); kept: the network of all tasks."
    )


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((BETTER, BETTER, WORSE), "Learning together helped a and b and harmed c."),
        ((BETTER, SAME, SAME), "Learning together helped a and harmed none clearly."),
        ((SAME, WORSE, SAME), "Learning together harmed b and helped none clearly."),
        ((SAME, SAME, SAME), "Learning together made no task clearly better or worse than alone."),
    ],
)
def test_the_headline_says_who_gained_and_who_lost(
    fitted_tasks: tuple[TasksResult, list[str]], gains: tuple[Figure, ...], words: str
) -> None:
    tasks = tuple(found(name, 0.8, gain) for name, gain in zip("abc", gains, strict=True))
    assert replace(fitted_tasks[0], tasks=tasks).headline == words
