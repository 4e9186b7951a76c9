"""What the report draws: the geometry of its curves, its heat map and its bars, as numbers and SVG paths.

No text goes into a path: names are placed by the template, which escapes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 240
"""Side of a curve's plot, in SVG units."""

LINES = 5
"""Classes drawn one by one; where there are more, the worst of them and the mean."""

LEVELS = 8
"""Shades of the heat map; one path a shade keeps 120 x 120 cells small."""


@dataclass(frozen=True)
class Line:
    """A curve to draw: what it is of, its area under the curve, its SVG path, and its style's name."""

    name: str
    area: float | None
    path: str
    style: int | str


@dataclass(frozen=True)
class Confusion:
    """One kind of mistake: how many images of `truth` were called `predicted`, out of `support`."""

    truth: str
    predicted: str
    count: int
    support: int


@dataclass(frozen=True)
class Shade:
    """The heat map's cells of one opacity, as one SVG path of unit squares."""

    opacity: float
    path: str
    diagonal: bool


@dataclass(frozen=True)
class Segment:
    """One stage's share of the total time."""

    name: str
    seconds: float
    share: float


@dataclass(frozen=True)
class Plot:
    """How one figure went over the epochs: lines, and where the axes' numbers stand, 0 to 1 of the side.

    `best` holds a line for each attempt, with its best value as the area, for the legend.
    """

    title: str
    lines: list[Line]
    best: list[Line]
    x_ticks: list[tuple[float, int | str]]
    y_ticks: list[tuple[float, float]]


def path(x: npt.ArrayLike, y: npt.ArrayLike) -> str:
    """Return the SVG path through points whose coordinates are shares of the plot's side."""
    # Points closer than half a unit cannot be seen; without them a curve's size has a bound.
    points = np.column_stack([np.asarray(x, float), 1 - np.asarray(y, float)]) * SIDE
    points = np.round(2 * points) / 2
    keep = np.r_[True, np.any(np.diff(points, axis=0) != 0, axis=1)]
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in points[keep])


def _drawn(evaluation: Any) -> dict[str, int]:
    # Both plots draw the same classes in the same styles, so that one can be followed across them.
    scored = [name for name in evaluation.curves if evaluation.per_class[name].roc_auc is not None]
    if len(scored) > LINES + 1:
        scored = sorted(scored, key=lambda name: evaluation.per_class[name].roc_auc)[:LINES]
    return {name: style for style, name in enumerate(scored)}


def roc_lines(evaluation: Any) -> list[Line]:
    """Return the ROC curves to draw: every class, or the five worst by AUC and the mean.

    Parameters
    ----------
    evaluation : Evaluation
        Its curves and per-class metrics are read. Of two classes one is drawn: the other is its mirror.

    Returns
    -------
    list of Line
        The mean last.
    """
    lines = []
    for name, style in _drawn(evaluation).items():
        curve = evaluation.curves[name]
        lines.append(Line(name, evaluation.per_class[name].roc_auc, path(curve.fpr, curve.tpr), style))
    if len(lines) == 2:
        return lines[1:]
    if len(evaluation.curves) > LINES + 1:
        grid = np.linspace(0, 1, 101)
        mean = np.mean([np.interp(grid, c.fpr, c.tpr) for c in evaluation.curves.values()], axis=0)
        lines.append(Line("mean", evaluation.roc_auc, path(np.r_[0, grid], np.r_[0, mean]), "mean"))
    return lines


def precision_recall_lines(evaluation: Any) -> list[Line]:
    """Return the precision-recall curves to draw: the classes of `roc_lines`, and the mean.

    Parameters
    ----------
    evaluation : Evaluation
        Its curves and per-class metrics are read.

    Returns
    -------
    list of Line
        Steps, whose area is the average precision; the mean last.
    """
    lines = []
    for name, style in _drawn(evaluation).items():
        recall, precision = _steps(evaluation.curves[name])
        shape = path(np.r_[0, np.repeat(recall, 2)[:-1]], np.repeat(precision, 2))
        lines.append(Line(name, evaluation.per_class[name].average_precision, shape, style))
    if len(evaluation.curves) > LINES + 1:
        grid = np.linspace(0, 1, 101)
        heights = []
        for curve in evaluation.curves.values():
            recall, precision = _steps(curve)
            heights.append(precision[np.searchsorted(recall, grid).clip(max=len(recall) - 1)])
        mean = np.mean(heights, axis=0)
        lines.append(Line("mean", evaluation.average_precision, path(grid, mean), "mean"))
    return lines


def _steps(curve: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    # Between two recalls precision is that of the higher one, reached first: the sum in average precision.
    recall, precision = np.asarray(curve.recall, float), np.asarray(curve.precision, float)
    order = np.lexsort((-precision, recall))
    recall, precision = recall[order], precision[order]
    first = np.r_[True, np.diff(recall) > 0] & (recall > 0)
    return recall[first], precision[first]


def confusions(evaluation: Any, limit: int) -> list[Confusion]:
    """Return the most frequent kinds of mistake.

    Parameters
    ----------
    evaluation : Evaluation
        Its confusion matrix (k, k) is read: rows true, columns predicted.
    limit : int
        How many at most.

    Returns
    -------
    list of Confusion
        By count, then by share of the true class, largest first.
    """
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    support = evaluation.confusion.sum(axis=1)
    rows, columns = np.nonzero(wrong)
    found = [
        Confusion(evaluation.classes[row], evaluation.classes[column], int(wrong[row, column]), int(support[row]))
        for row, column in zip(rows, columns, strict=True)
    ]
    return sorted(found, key=lambda pair: (-pair.count, pair.support))[:limit]


def row_shares(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return each cell's share of its row, 0 to 1.

    Parameters
    ----------
    confusion : int array of shape (k, k)
        Rows true, columns predicted.

    Returns
    -------
    float array of shape (k, k)
        Zero in the rows of classes without images.
    """
    return np.asarray(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))


def heat_map(confusion: npt.NDArray[np.int64]) -> list[Shade]:
    """Return the confusion matrix as shaded unit squares, one path a shade.

    Parameters
    ----------
    confusion : int array of shape (k, k)
        Rows true, columns predicted.

    Returns
    -------
    list of Shade
        In a square of k x k units. Cells below one hundredth of their row are left blank.
    """
    shares = row_shares(confusion)
    level = np.ceil(shares * LEVELS).astype(int)
    diagonal = np.eye(len(confusion), dtype=bool)
    shades = []
    for step in range(1, LEVELS + 1):
        for which in (True, False):
            cells = np.argwhere((level == step) & (shares >= 0.01) & (diagonal == which))
            if len(cells):
                path = "".join(f"M{column} {row}h1v1h-1z" for row, column in cells)
                shades.append(Shade(round(0.15 + 0.85 * step / LEVELS, 2), path, which))
    return shades


def time_segments(timings: dict[str, float]) -> list[Segment]:
    """Return the run's stages and their shares of the total time.

    Parameters
    ----------
    timings : dict of str to float
        Seconds a stage, with their "total".

    Returns
    -------
    list of Segment
        In the order given, and what no stage accounts for as "other".
    """
    stages = {name: seconds for name, seconds in timings.items() if name != "total"}
    other = timings["total"] - sum(stages.values())
    if other > 0.01 * timings["total"]:
        stages["other"] = other
    whole = sum(stages.values()) or 1.0
    return [Segment(name, seconds, seconds / whole) for name, seconds in stages.items()]


def training_plots(history: Sequence[Any]) -> list[Plot]:
    """Return loss and accuracy over the epochs, a line an attempt.

    Parameters
    ----------
    history : sequence of Epoch
        In the order they ran. Values that are not finite are left out.

    Returns
    -------
    list of Plot
        Loss: of the training images (style "N train") and the validation images; then validation accuracy.
    """
    attempts: dict[str, list[Any]] = {}
    for epoch in history:
        attempts.setdefault(epoch.attempt, []).append(epoch)
    return [
        _training_plot("Loss", attempts, {"train_loss": " train", "val_loss": ""}, min),
        _training_plot("Validation accuracy", attempts, {"val_accuracy": ""}, max),
    ]


def _training_plot(title: str, attempts: dict[str, list[Any]], fields: dict[str, str], best: Any) -> Plot:
    curves = [
        (name, f"{number % 6}{suffix}", _finite([getattr(epoch, field) for epoch in epochs]))
        for number, (name, epochs) in enumerate(attempts.items())
        for field, suffix in fields.items()
    ]
    curves = [(name, style, points) for name, style, points in curves if len(points)]
    values = [points[:, 1] for _, _, points in curves]
    marks = ticks(min(map(np.min, values)), max(map(np.max, values))) if values else [0.0, 1.0]
    last, low, height = max(map(len, attempts.values())), marks[0], marks[-1] - marks[0]
    # A single epoch is a point: its line of no length is drawn as a dot.
    lines = [
        Line(name, best(of[:, 1]), path((of[:, 0] - 0.5) / last, (of[:, 1] - low) / height) + "h0", style)
        for name, style, of in curves
    ]
    return Plot(
        title,
        lines,
        [line for line in lines if "train" not in str(line.style)],
        [((tick - 0.5) / last, int(tick)) for tick in ticks(0, last, whole=True) if 1 <= tick <= last],
        [((tick - low) / height, tick) for tick in marks],
    )


def _finite(values: list[float]) -> npt.NDArray[np.float64]:
    points = np.column_stack([np.arange(1, len(values) + 1), np.asarray(values, float)])
    return points[np.isfinite(points[:, 1])]


def ticks(low: float, high: float, whole: bool = False) -> list[float]:
    """Return four to eight round numbers that span `low` to `high`."""
    rough = max((high - low) / 6, abs(high) * 1e-3, 1e-6)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= 0.999 * rough)
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(tick * step, 10) for tick in range(first, max(last, first + 1) + 1)]
