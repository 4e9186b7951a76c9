from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.multitask.measuring import Compared, Figure
from regraft.multitask.model import Tasks
from regraft.multitask.result import TaskFound, TasksResult
from regraft.reports.tasks import gains, plain, render, told, write

WAYS = ("linear", "alone", "together")


def found(name: str, kind: Any, measure: str, alone: float, gain: Figure) -> TaskFound:
    ways = {way: {measure: Figure(alone, (alone - 0.05, alone + 0.04))} for way in WAYS}
    compared = Compared(ways, {measure: gain}, {measure: 0.5})
    losses = dict.fromkeys(WAYS, 0.5)
    return TaskFound(name, kind, ("1", "2"), 80, 20, 30, 7, losses, {"alone": 3, "together": 4}, "together", compared)


@pytest.fixture
def result() -> TasksResult:
    from regraft.backbones.lookup import get_backbones

    tasks = (
        found("<breed>", "classes", "accuracy", 0.8, Figure(0.1, (0.05, 0.15))),
        found("weight", "numbers", "mean_absolute_error", 4.0, Figure(-1.0, (-2.0, -0.5))),
        found("grade", "ordinal", "mean_absolute_error", 0.5, Figure(0.0, (-0.1, 0.1))),
    )
    dataset = Dataset([b""] * 130, tuple(map(str, range(130))), {}, {}, np.array(["train"] * 100 + ["test"] * 30))
    return TasksResult(
        model=Tasks((), get_backbones("tf_efficientnet_lite0"), ("f32",), (1280,)),
        dataset=dataset,
        tasks=tasks,
        weighting="grad-norm",
        weights={"<breed>": 1.5, "weight": 0.5, "grade": 1.0},
        strategy="probe",
        protocol="holdout",
        settings={},
        notes=("Task <breed>: 2 classes.",),
        skipped=(),
        timings={"read": 0.1, "total": 2.0},
        seed=0,
        command="regraft fit t.csv",
    )


def test_a_page_tells_each_task_and_escapes_its_name(result: TasksResult) -> None:
    page = render(result)
    assert "<breed>" not in page and "&lt;breed&gt;" in page
    assert "Learning together helped &lt;breed&gt; and harmed weight." in page
    assert '<td class="told-gained">+0.100<br><span class="range">+0.050 to +0.150</span></td>' in page
    assert '<td class="told-lost">−1.000<br>' in page
    assert "7 without a label" in page and "http:" not in page and "https:" not in page


def test_gains_of_all_tasks_stand_on_one_axis(result: TasksResult) -> None:
    drawn = gains(result.tasks)
    assert drawn is not None
    breed, weight, grade = drawn.bars
    # Half of the errors are gone; a quarter of the distance has come; nothing has changed.
    assert (breed.text, weight.text, grade.text) == ("+50%", "-25%", "+0%")
    assert weight.low < weight.at < drawn.zero < breed.low < breed.at < breed.high <= 1
    assert grade.at == drawn.zero
    none = replace(result.tasks[0], compared=found("x", "classes", "accuracy", 1.0, Figure(0, (0, 0))).compared)
    assert gains((none,)) is None
    assert "<svg" not in render(replace(result, tasks=(none,)))


def test_figures_are_told_with_the_digits_that_mean_something() -> None:
    assert [plain(value) for value in (0.12345, -0.00001, 12.345, 12345.6, -3.0, float("nan"))] == [
        "0.123",
        "0.000",
        "12.3",
        "12,346",
        "−3.000",
        "–",
    ]
    assert told(Figure(0.5, (-0.25, 0.0)), sign=True) == ("+0.500", "−0.250", "0.000")


def test_page_and_figures_are_written(result: TasksResult, tmp_path: Path) -> None:
    write(result, tmp_path)
    assert (tmp_path / "report.html").read_text() == render(result)
    assert json.loads((tmp_path / "tasks.json").read_text())["lost"] == ["weight"]
