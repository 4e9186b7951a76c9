"""The report of an adaptation: one page, the map, and the figures as JSON."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.data.dataset import NOUNS
from regraft.domains.adapted import Adapted
from regraft.reports.domains import domain_map
from regraft.reports.html import template

REPORT = "report.html"
FIGURES = "adapt.json"
MAP = "domains.svg"
PREDICTIONS = "predictions.csv"

DRIFTS = 20
"""Classes whose drift is shown, those that moved most."""


@dataclass(frozen=True)
class Scale:
    """Where an accuracy lies between the lowest that is shown and 1."""

    low: float

    def __call__(self, share: float) -> float:
        return (share - self.low) / (1 - self.low)


def write(adapted: Adapted, folder: Path) -> None:
    """Write `report.html`, `domains.svg`, `predictions.csv` and `adapt.json` into a folder that is there."""
    # A folder's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    picture = map_of(adapted)
    (folder / MAP).write_bytes(picture.encode("utf-8", errors="backslashreplace"))
    (folder / REPORT).write_bytes(render(adapted, picture).encode("utf-8", errors="backslashreplace"))
    (folder / PREDICTIONS).write_bytes(named(adapted).encode("utf-8", errors="backslashreplace"))
    (folder / FIGURES).write_text(json.dumps(adapted.to_dict(), indent=1), encoding="utf-8")


def named(adapted: Adapted) -> str:
    """Return what each example of the target is named, smoothed over its links where there are any, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([NOUNS[adapted.target.modality][0], "label", "probability"])
    said = adapted.probabilities if adapted.related is None else adapted.related.probabilities
    for name, row in zip(adapted.target.names, said, strict=True):
        best = int(row.argmax())
        writer.writerow([name, adapted.classifier.classes[best], f"{row[best]:.6f}"])
    return text.getvalue()


def map_of(adapted: Adapted) -> str:
    """Return the map of both domains as a standalone SVG."""
    names = adapted.classifier.classes
    return domain_map(
        adapted.places,
        adapted.place_domains,
        [names[c] for c in adapted.place_classes],
        title=f"{adapted.source.name} and {adapted.target.name} on one map",
        note="near each other: features alike; where colours part, the domains differ; the target by what it was named",
    )


def render(adapted: Adapted, picture: str | None = None) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    adapted : Adapted
    picture : str, optional
        What `map_of` gives.
    """
    intervals = [each.accuracy_ci95 for each in adapted.attempts if each.accuracy_ci95 is not None]
    lowest = min((low for low, _ in intervals), default=0.0)
    thing, things = NOUNS[adapted.target.modality]
    return template("adaptation.html", points=_points).render(
        adapted=adapted,
        scale=Scale(max(0.0, math.floor(10 * lowest - 0.2) / 10)),
        # As an image, so that its styles stay its own.
        picture=base64.b64encode((picture or map_of(adapted)).encode("utf-8", "backslashreplace")).decode(),
        thing=thing,
        things=things,
        measured=len(adapted.measured),
        drifts=sorted(
            (each for each in adapted.difference.classes if each.drift is not None),
            key=lambda each: -(each.drift or 0.0),
        )[:DRIFTS],
    )


def _points(share: Any) -> str:
    """Return a difference of shares in points."""
    return f"{100 * share:+.1f}"
