"""A comparison as one HTML page that needs nothing else, and as one picture."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.comparison import Comparison, Row
from regraft.data.dataset import NOUNS
from regraft.evaluation.metrics import Evaluation
from regraft.reports.html import template
from regraft.reports.verdict import number, percent
from regraft.result import Epoch, Result

PAGE = "comparison.html"
PICTURE = "comparison.svg"
FIGURES = "comparison.json"

SIDE = 240
"""Side of a plot, in SVG units."""


@dataclass(frozen=True)
class Line:
    """A curve: what it is of, what stands beside its name, its SVG path, and its style's number."""

    name: str
    value: str
    path: str
    style: int


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in SVG units, and what is written there."""

    at: float
    text: str


@dataclass(frozen=True)
class Plot:
    """Curves between two axes."""

    title: str
    x: str
    y: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    diagonal: bool = False


@dataclass(frozen=True)
class Scale:
    """From which to which accuracy the intervals are drawn."""

    low: float
    high: float = 1.0

    def __call__(self, share: float) -> float:
        """Return where a share stands between the two ends, 0 to 1."""
        return (share - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        step = 0.1 if self.high - self.low <= 0.5 else 0.2
        shares = [self.high - step * n for n in range(math.floor((self.high - self.low) / step + 1e-9) + 1)]
        return tuple(Tick(self(share), percent(share)) for share in reversed(shares))


def write(comparison: Comparison, folder: Path) -> None:
    """Write `comparison.html`, `comparison.svg` and `comparison.json` into a folder that is there."""
    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    for name, text in ((PAGE, render(comparison)), (PICTURE, picture(comparison))):
        (folder / name).write_bytes(text.encode("utf-8", errors="backslashreplace"))
    (folder / FIGURES).write_text(json.dumps(comparison.to_dict(), indent=1), encoding="utf-8")


def render(comparison: Comparison) -> str:
    """Return a comparison as one self-contained HTML page."""
    histories = [(row, history) for row in _done(comparison) if (history := _history(row.result))]
    return _template("comparison.html").render(
        _context(comparison),
        failed=[row for row in comparison.rows if row.error],
        curves=_learning(histories, comparison) if histories else [],
        losses=[_losses(row, history) for row, history in histories],
    )


def picture(comparison: Comparison) -> str:
    """Return accuracies with their intervals, and the ROC curves of best and worst, as a standalone SVG."""
    return _template("comparison.svg.html").render(_context(comparison))


def _template(name: str) -> Any:
    return template(name, p_value=p_value, printable=_printable)


def _context(comparison: Comparison) -> dict[str, Any]:
    rows = _done(comparison)
    return {
        "comparison": comparison,
        "thing": NOUNS[comparison.dataset.modality][0],
        "rows": rows,
        "n_test": max(row.result.n_test for row in rows if row.result),
        "scale": _scale(rows),
        "styles": _styles(comparison),
        "roc": _roc(rows, comparison),
        "side": SIDE,
    }


def _done(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.rows if not row.error]


def _styles(comparison: Comparison) -> dict[str, int]:
    """Return each strategy's style: the same in all plots."""
    return {row.strategy: style for style, row in enumerate(comparison.rows)}


def _scale(rows: Sequence[Row]) -> Scale:
    lowest = min(interval[0] for row in rows for interval in (row.ci95, row.val_ci95) if interval)
    return Scale(math.floor(10 * min(lowest, 0.8)) / 10)


def _printable(text: str) -> str:
    # A folder's name may hold control characters, with which XML would be none.
    return "".join(character for character in text if character.isprintable())


def p_value(value: float | None) -> str:
    """Return a p value as it is written."""
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _roc(rows: Sequence[Row], comparison: Comparison) -> Plot | None:
    """Return the ROC curves of the most and the least accurate on the test images."""
    lines = []
    for row in dict.fromkeys((rows[0], rows[-1])):
        assert row.result is not None
        found = _mean_roc(row.result.evaluations["test"])
        if found is not None:
            path = _path(*found, lambda x: x, lambda y: y)
            lines.append(Line(row.strategy, f"AUC {number(row.auc)}", path, _styles(comparison)[row.strategy]))
    if not lines:
        return None
    ticks = tuple(Tick(share * SIDE, f"{share:g}") for share in (0, 0.5, 1))
    up = tuple(Tick(SIDE - tick.at, tick.text) for tick in ticks)
    title = "ROC curves of the best and the worst" if len(lines) > 1 else "ROC curve"
    return Plot(title, "false positive rate", "true positive rate", ticks, up, tuple(lines), diagonal=True)


def _mean_roc(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray] | None:
    """Return one curve: the second class's where there are two, else the mean of all."""
    curves = list(evaluation.curves.values())
    if not curves:
        return None
    if len(evaluation.classes) == 2:
        return curves[-1].fpr, curves[-1].tpr
    grid = np.linspace(0, 1, 101)
    mean = np.mean([np.interp(grid, curve.fpr, curve.tpr) for curve in curves], axis=0)
    return np.append(0, grid), np.append(0, mean)


def _history(result: Result | None) -> list[Epoch]:
    """Return the epochs of the training that was chosen; where it has none, of the last."""
    if result is None or not result.history:
        return []
    chosen = [each.name for each in result.attempts if each.chosen]
    found = [epoch for epoch in result.history if epoch.attempt in chosen]
    return found or [epoch for epoch in result.history if epoch.attempt == result.history[-1].attempt]


def _learning(histories: Sequence[tuple[Row, list[Epoch]]], comparison: Comparison) -> list[Plot]:
    """Return the validation accuracy and the validation loss of all trainings, epoch by epoch."""
    styles, plots = _styles(comparison), []
    for title, name, shown in (
        ("Validation accuracy", "val_accuracy", percent),
        ("Validation loss", "val_loss", number),
    ):
        series = []
        for row, epochs in histories:
            values = [getattr(epoch, name) for epoch in epochs]
            finite = [value for value in values if math.isfinite(value)]
            best = (max if name == "val_accuracy" else min)(finite, default=math.nan)
            series.append((row.strategy, f"best {shown(best)}" if finite else "–", values, styles[row.strategy]))
        plots.append(_epochs_plot(title, "share" if name == "val_accuracy" else "nats", series))
    return plots


def _losses(row: Row, epochs: Sequence[Epoch]) -> Plot:
    """Return one training's loss on the images learnt from, and on those not."""
    train, val = ([getattr(epoch, name) for epoch in epochs] for name in ("train_loss", "val_loss"))
    series = [(name, "", values, style) for name, values, style in (("training", train, 5), ("validation", val, 0))]
    return _epochs_plot(row.strategy, "loss, nats", series)


def _epochs_plot(title: str, y: str, series: Sequence[tuple[str, str, list[float], int]]) -> Plot:
    longest = max(len(values) for _, _, values, _ in series)
    finite = [value for _, _, values, _ in series for value in values if math.isfinite(value)]
    ticks = _round_ticks(min(finite, default=0.0), max(finite, default=1.0))
    low, high = ticks[0], ticks[-1]
    across = max(longest - 1, 1)
    lines = []
    for name, value, values, style in series:
        points = [(n, v) for n, v in enumerate(values) if math.isfinite(v)]
        path = _path(
            [n for n, _ in points],
            [v for _, v in points],
            lambda n: n / across,
            lambda v: (v - low) / (high - low),
        )
        lines.append(Line(name, value, path, style))
    whole = sorted({1, (longest + 1) // 2, longest})
    return Plot(
        title,
        "epoch",
        y,
        tuple(Tick((n - 1) / across * SIDE, str(n)) for n in whole),
        tuple(Tick(SIDE - (v - low) / (high - low) * SIDE, f"{v:g}") for v in ticks),
        tuple(lines),
    )


def _round_ticks(low: float, high: float) -> list[float]:
    """Return round numbers, about four, from at most `low` to at least `high`."""
    span = max(high - low, 1e-3)
    step = 10 ** math.floor(math.log10(span))
    step = next(step * factor for factor in (0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10) if span / (step * factor) <= 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]


def _path(x: Iterable[float], y: Iterable[float], across: Callable[[Any], Any], up: Callable[[Any], Any]) -> str:
    # Points closer than half a unit cannot be seen; without them a curve's size has a bound.
    points = [(round(2 * SIDE * across(a)) / 2, round(2 * SIDE * (1 - up(b))) / 2) for a, b in zip(x, y, strict=True)]
    distinct = [point for n, point in enumerate(points) if n == 0 or point != points[n - 1]]
    if len(distinct) == 1:
        # One epoch is a short stroke: a path of a single point draws nothing.
        distinct.append((distinct[0][0] + 6, distinct[0][1]))
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in distinct) if distinct else ""
