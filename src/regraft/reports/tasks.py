"""What learning several tasks together did to each, as one HTML page that needs nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.multitask.measuring import Figure
from regraft.multitask.result import TOLD, WAYS, TaskFound, TasksResult
from regraft.reports.figures import ticks
from regraft.reports.html import template

PAGE = "report.html"
FIGURES = "tasks.json"

WIDEST = 1.0
"""Shares of error beyond which an interval is drawn as cut off."""

VERDICTS = {"gained": "gained", "lost": "lost", "unclear": "not clear"}


@dataclass(frozen=True)
class Bar:
    """One task's gain on the plot's axis, as shares of its width."""

    name: str
    verdict: str
    at: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Gains:
    """All tasks' gains on one axis."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float


@dataclass(frozen=True)
class Row:
    """One measure of one task in words; a figure comes with both ends of its interval."""

    measure: str
    usual: str
    ways: dict[str, tuple[str, str, str]]
    gain: tuple[str, str, str]
    verdict: str


@dataclass(frozen=True)
class Section:
    """One task with its measures."""

    task: TaskFound
    what: str
    rows: tuple[Row, ...]


def write(result: TasksResult, folder: Path) -> None:
    """Write `report.html` and `tasks.json` into a folder that is there."""
    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    (folder / PAGE).write_bytes(render(result).encode("utf-8", errors="backslashreplace"))
    (folder / FIGURES).write_text(json.dumps(result.to_dict(), indent=1), encoding="utf-8")


def render(result: TasksResult, model: str = "model.regraft") -> str:
    """Return the page.

    Parameters
    ----------
    result : TasksResult
    model : str
        The saved model's file, as the page's example of its use names it.
    """
    return template("tasks.html").render(
        result=result,
        several=len(result.tasks) > 1,
        sections=[_section(task) for task in result.tasks],
        gains=gains(result.tasks),
        ways=WAYS,
        verdicts=VERDICTS,
        n_test=len(result.dataset.part("test")),
        notes=tuple(dict.fromkeys(result.notes)),
        skipped=result.skipped[:200],
        model=model,
    )


def gains(tasks: tuple[TaskFound, ...]) -> Gains | None:
    """Return where each task's gain stands, in shares of the error that learning alone makes; None without any."""
    found = [(task, cut) for task in tasks if (cut := task.error_cut) is not None]
    if not found:
        return None
    ends = [end for _, cut in found for end in (*cut.ci95, cut.value)]
    marks = ticks(max(-WIDEST, min(-0.05, *ends)), min(WIDEST, max(0.05, *ends)))
    low, high = marks[0], marks[-1]

    def place(share: float) -> float:
        return min(1.0, max(0.0, (share - low) / (high - low)))

    bars = tuple(
        Bar(
            task.name,
            task.verdict,
            place(cut.value),
            place(cut.ci95[0]),
            place(cut.ci95[1]),
            f"{round(100 * cut.value) or 0:+d}%",
        )
        for task, cut in found
    )
    return Gains(bars, tuple((place(mark), f"{100 * mark:+.0f}%" if mark else "0") for mark in marks), place(0))


def plain(value: float, sign: bool = False) -> str:
    """Return a figure with three digits that mean something, and its thousands apart."""
    if not math.isfinite(value):
        return "–"
    digits = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    value = round(value, digits) or 0.0  # nothing is not negative
    return f"{value:{'+' if sign and value > 0 else ''},.{digits}f}".replace("-", "−")


def told(figure: Figure, sign: bool = False) -> tuple[str, str, str]:
    """Return a figure, and both ends of its interval, in words."""
    return plain(figure.value, sign), plain(figure.ci95[0], sign), plain(figure.ci95[1], sign)


def _section(task: TaskFound) -> Section:
    rows = []
    for name, gain in task.compared.gain.items():
        low, high = gain.ci95
        rows.append(
            Row(
                TOLD[name],
                plain(task.compared.usual[name]),
                {way: told(task.compared.ways[way][name]) for way in WAYS if way in task.compared.ways},
                told(gain, sign=True),
                "gained" if low > 0 else "lost" if high < 0 else "unclear",
            )
        )
    return Section(task, _what(task), tuple(rows))


def _what(task: TaskFound) -> str:
    kinds: dict[str, Any] = {
        "classes": f"one of {len(task.classes)} classes",
        "multi-label": f"any of {len(task.classes)} labels",
        "ordinal": f"{len(task.classes)} classes in an order, {task.classes[0] if task.classes else ''} to "
        f"{task.classes[-1] if task.classes else ''}",
        "numbers": "a number",
    }
    missing = f"; {task.n_missing:,} without a label" if task.n_missing else ""
    counted = f"{task.n_train:,} to learn from, {task.n_val:,} to choose by, {task.n_test:,} to test"
    return f"{kinds[task.kind]} · {counted}{missing}"
