"""What the report draws of how far a classifier can be trusted: the geometry of its curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from regraft.reports.figures import Line, Plot, path, ticks


def reliability_lines(evidence: Any) -> list[Line]:
    """Return the lines of the reliability diagram: accuracy over confidence, after and before calibration.

    Parameters
    ----------
    evidence : Evidence
        Its bins are read.

    Returns
    -------
    list of Line
        Their area is the expected calibration error.
    """
    lines = []
    for name, found, style in (("calibrated", evidence.after, 0), ("as the head gives them", evidence.before, 1)):
        points = [(each.confidence, each.accuracy) for each in found.bins]
        shape = path([x for x, _ in points], [y for _, y in points])
        # A single bin is a point: its line of no length is drawn as a dot.
        lines.append(Line(name, found.ece, shape + "h0", style))
    return lines


def selective_plot(evidence: Any) -> Plot:
    """Return accuracy over the share of images that is answered, the surest first.

    Parameters
    ----------
    evidence : Evidence
        Its selective curve is read.
    """
    curve = evidence.selective
    shares, accuracies = np.asarray(curve.shares), np.asarray(curve.accuracies)
    marks = ticks(min(0.95, float(accuracies.min())), 1.0)
    low, height = marks[0], marks[-1] - marks[0]
    line = Line("all answered", float(accuracies[-1]), path(shares, (accuracies - low) / height) + "h0", 0)
    return Plot(
        "Accuracy where only the surest are answered",
        [line],
        [line],
        [(0.0, "0%"), (0.5, "50%"), (1.0, "100%")],
        [((mark - low) / height, mark) for mark in marks],
    )
