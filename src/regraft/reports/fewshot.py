"""Accuracy against labelled images a class, as a picture that stands alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.data.dataset import NOUNS
from regraft.few_shot.found import FewShot, Figure
from regraft.reports.comparison import Tick
from regraft.reports.figures import ticks
from regraft.reports.html import template
from regraft.reports.verdict import percent

PICTURE = "fewshot.svg"
FIGURES = "fewshot.json"

LEFT, TOP, ACROSS, DOWN = 70, 84, 610, 240


@dataclass(frozen=True)
class Mark:
    """One mean with its interval, in pixels of the plot."""

    x: float
    y: float
    low: float
    high: float
    label: float
    text: str


@dataclass(frozen=True)
class Curve:
    """One line of the plot."""

    kind: str
    name: str
    points: tuple[Mark, ...]

    @property
    def path(self) -> str:
        return "M" + "L".join(f"{point.x} {point.y}" for point in self.points)


def write(found: FewShot, folder: Path) -> None:
    """Write `fewshot.svg` and `fewshot.json` into a folder that is there."""
    # A folder's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    (folder / PICTURE).write_bytes(picture(found).encode("utf-8", errors="backslashreplace"))
    (folder / FIGURES).write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")


def picture(found: FewShot) -> str:
    """Return the curve, with intervals, as a standalone SVG."""
    series = [
        ("alone", f"each {NOUNS[found.dataset.modality][0]} named on its own", [point.alone for point in found.points])
    ]
    if found.together:
        series.insert(
            0,
            (
                "together",
                f"all unlabelled {found.dataset.things} named together",
                [point.best for point in found.points],
            ),
        )
    lowest = min(figure.ci95[0] for _, _, figures in series for figure in figures)
    low = max(0.0, math.floor(10 * lowest - 0.2) / 10)
    numbers = [point.shots for point in found.points]
    return template("fewshot.svg.html", printable=_printable).render(
        name=found.dataset.name,
        things=found.dataset.things,
        sentences=[point.sentence for point in found.points],
        episodes=found.episodes,
        tested=f"{round(sum(point.tested for point in found.points) / len(found.points)):,}",
        ticks=[Tick(_up(share, low), percent(share)) for share in ticks(low, 1.0)],
        marks=[Tick(_across(number, numbers), str(number)) for number in numbers],
        lines=[_curve(kind, name, numbers, figures, low) for kind, name, figures in series],
        left=LEFT,
        top=TOP,
        across=ACROSS,
        down=DOWN,
    )


def _curve(kind: str, name: str, numbers: list[int], figures: list[Figure], low: float) -> Curve:
    points = []
    for number, figure in zip(numbers, figures, strict=True):
        bottom, top = (_up(share, low) for share in figure.ci95)
        label = top - 8 if kind == "together" else bottom + 18
        text = f"{figure.accuracy:.3f}"
        points.append(Mark(_across(number, numbers), _up(figure.accuracy, low), bottom, top, label, text))
    return Curve(kind, name, tuple(points))


def _across(number: int, numbers: list[int]) -> float:
    """Return where a number of images stands: each doubling is as wide, with room at both ends."""
    first, last = math.log(numbers[0]), math.log(numbers[-1])
    share = 0.5 if first == last else (math.log(number) - first) / (last - first)
    return round(30 + share * (ACROSS - 60), 1)


def _up(share: float, low: float) -> float:
    return round(DOWN * (1 - (share - low) / (1 - low)), 1)


def _printable(text: Any) -> str:
    # A folder's name may hold control characters, with which XML would be none.
    return "".join(character for character in str(text) if character.isprintable())
