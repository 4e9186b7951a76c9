"""Clusters as one HTML page that needs nothing else: evidence, a sheet of pictures each, and a map to move about in."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft import __version__
from regraft.data.dataset import NOUNS
from regraft.exploration.agreement import counts
from regraft.exploration.clusters import Clusters
from regraft.exploration.number import Tried
from regraft.reports.exhibits import LOST, Exhibits
from regraft.reports.html import template
from regraft.reports.sheet import Card, Group, printable

PAGE = "clusters.html"
FIGURES = "clusters.json"
TABLE = "clusters.csv"
SCRIPT = "cluster_map.js.html"

SIDE = 144
CENTRAL, EDGE = (4, 12), (2, 4)
PICTURES = 240
"""Pictures on all sheets together, about; each cluster has from 4 to 12 of its centre and 2 to 4 of its edge."""

MAP_SIDE, MAP_PICTURES = 88, 1_500
"""Pixels of a picture on the map, and how many points have one: some 4 kB each, 1,000 of them 4 MB."""

MAP_LETTERS = 160
"""Characters of a text on the map."""

PLOT = (300, 150)
"""Width and height of a plot of evidence, in SVG units."""


@dataclass(frozen=True)
class Curve:
    """A figure for each number of clusters, in SVG units.

    Parameters
    ----------
    title, note : str
    path : str
    points : tuple of (x, y, clusters, value)
    mark : (x, y)
        The number that was chosen.
    x_ticks, y_ticks : tuple of (place, text)
    """

    title: str
    note: str
    path: str
    points: tuple[tuple[float, float, int, str], ...]
    mark: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def write(clusters: Clusters, folder: Path, command: str = "") -> None:
    """Write `clusters.html`, `clusters.csv` and `clusters.json` into a folder that is there."""
    (folder / PAGE).write_text(render(clusters, command), encoding="utf-8")
    found = clusters.to_dict()
    (folder / FIGURES).write_text(json.dumps(found, indent=1), encoding="utf-8")
    with (folder / TABLE).open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        columns = [NOUNS[clusters.images.modality][0], "cluster", "x", "y"] + (
            ["label"] if clusters.images.labels is not None else []
        )
        rows = [{columns[0]: row["image"], **row} for row in found["images"]]
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def render(clusters: Clusters, command: str = "") -> str:
    """Return clusters as one self-contained HTML page.

    Parameters
    ----------
    clusters : Clusters
    command : str
        What made it, for the record.
    """
    script = (Path(__file__).parent / SCRIPT).read_text(encoding="utf-8")
    chosen = clusters.chosen
    modality = clusters.images.modality
    exhibits = Exhibits(modality)
    page = template("clusters.html").render(
        clusters=clusters,
        thing=NOUNS[modality][0],
        things=NOUNS[modality][1],
        sentences=clusters.sentences(),
        curves=_curves(clusters.tried, chosen, modality) if chosen and len(clusters.tried) > 1 else [],
        groups=[_group(clusters, number, exhibits) for number in range(1, clusters.k + 1)],
        contents=_contents(clusters),
        points=_points(clusters),
        n_drawn=int(np.isfinite(clusters.places[:, 0]).sum()),
        n_pictured=len(_pictured(clusters)),
        script=script,
        # Only this script may run, so that no file name can smuggle in another.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        command=command,
        version=__version__,
    )
    return printable(page)


def _group(clusters: Clusters, number: int, exhibits: Exhibits) -> Group:
    """Return a cluster's sheet: its most central examples, then some of its edge."""
    members = clusters.members(number)
    each = PICTURES // clusters.k
    edge_count = int(np.clip(each // 4, *EDGE))
    central = members[: int(np.clip(each - edge_count, *CENTRAL))]
    rest = members[len(central) :]
    edge = rest[np.argsort(clusters.margin[rest], kind="stable")][:edge_count]
    cards = [_card(clusters, i, "", exhibits) for i in central]
    cards += [_card(clusters, i, "at the edge", exhibits) for i in edge]
    size = clusters.images.count(len(members))
    return Group(f"Cluster {number}", f"{size}{_mostly(clusters, number)}", tuple(cards), len(members) - len(cards))


def _card(clusters: Clusters, position: int, where: str, exhibits: Exhibits) -> Card:
    label = None if clusters.images.labels is None else clusters.images.labels[position]
    caption = " · ".join(text for text in (where, label) if text)
    return Card(clusters.images.names[position], caption, exhibits.show(clusters.images.examples[position], SIDE))


def _mostly(clusters: Clusters, number: int) -> str:
    found = counts(clusters.images.labels, clusters.members(number))
    shown = ", ".join(f"{label} ({n:,})" for label, n in list(found.items())[:4])
    more = len(found) - 4
    others = f", {more} other class{'es' if more > 1 else ''}" if more > 0 else ""
    return f": {shown}{others}" if shown else ""


def _contents(clusters: Clusters) -> list[tuple[int, int, list[tuple[str, int, float]]]]:
    """Return number, size and the commonest classes with their shares of each cluster, where there are labels."""
    rows = []
    for number in range(1, clusters.k + 1):
        found = counts(clusters.images.labels, clusters.members(number))
        total = max(sum(found.values()), 1)
        shares = [(label, n, n / total) for label, n in list(found.items())[:3]]
        rows.append((number, len(clusters.members(number)), shares))
    return rows


def _pictured(clusters: Clusters) -> set[int]:
    """Return the positions of the points that have a picture: as many of each cluster as come, the central first."""
    drawn = np.isfinite(clusters.places[:, 0])
    members = [clusters.members(number) for number in range(1, clusters.k + 1)]
    turns = [(turn, int(i)) for own in members for turn, i in enumerate(own[drawn[own]])]
    return {i for _, i in sorted(turns)[:MAP_PICTURES]}


def _points(clusters: Clusters) -> str:
    """Return the map's points as JSON that is safe inside a script element."""
    drawn = np.flatnonzero(np.isfinite(clusters.places[:, 0]))
    pictured, labels = _pictured(clusters), clusters.images.labels
    classes = sorted({label for label in labels or () if label is not None})
    # The map shows, and does not play: a thousand sounds would be a hundred megabytes.
    exhibits = Exhibits(clusters.images.modality, played=0)
    shown = [exhibits.show(clusters.images.examples[int(i)], MAP_SIDE) if i in pictured else LOST for i in drawn]
    number = {label: i for i, label in enumerate(classes)}
    points: dict[str, Any] = {
        "x": [round(float(x), 4) for x in clusters.places[drawn, 0]],
        "y": [round(float(y), 4) for y in clusters.places[drawn, 1]],
        "cluster": [int(c) - 1 for c in clusters.assignment[drawn]],
        "k": clusters.k,
        "classes": [printable(name) for name in classes],
        "label": [-1 if labels is None or (label := labels[i]) is None else number[label] for i in drawn],
        "name": [printable(clusters.images.names[int(i)]) for i in drawn],
        "picture": [each.uri for each in shown],
        "words": [None if each.words is None else printable(each.words[:MAP_LETTERS]) for each in shown],
    }
    return json.dumps(points, separators=(",", ":")).replace("<", "\\u003c")


def _curves(tried: Sequence[Tried], chosen: Tried, modality: str) -> list[Curve]:
    """Return the evidence for each number of clusters as curves, the number on a logarithmic axis."""
    thing, things = NOUNS[modality]
    one = f"{'an' if modality == 'image' else 'a'} {thing}"
    figures = (
        ("Silhouette", f"how much nearer {one} is to its own cluster than to the next", "silhouette"),
        ("Stability", f"agreement (ARI) with the clusters of a random half of the {things} alone", "stability"),
        ("Silhouette × stability", "what the number is chosen by", "score"),
    )
    return [_curve(title, note, tried, chosen, name) for title, note, name in figures]


def _curve(title: str, note: str, tried: Sequence[Tried], chosen: Tried, name: str) -> Curve:
    width, height = PLOT
    top = _round_up(max(getattr(each, name) for each in tried))
    low = min(0.0, *(getattr(each, name) for each in tried))
    span = math.log(tried[-1].clusters / tried[0].clusters)

    def across(number: int) -> float:
        return round(width * math.log(number / tried[0].clusters) / span, 1)

    def up(value: float) -> float:
        return round(height * (top - value) / (top - low), 1)

    points = tuple(
        (across(each.clusters), up(getattr(each, name)), each.clusters, f"{getattr(each, name):.3f}") for each in tried
    )
    ticks = [number for number in (2, 3, 5, 10, 20, 50, 100) if tried[0].clusters <= number <= tried[-1].clusters]
    return Curve(
        title,
        note,
        "M" + "L".join(f"{x} {y}" for x, y, *_ in points),
        points,
        (across(chosen.clusters), up(getattr(chosen, name))),
        tuple((across(number), str(number)) for number in ticks),
        tuple((up(value), f"{value:g}") for value in (0.0, top / 2, top)),
    )


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten that is not below a value."""
    power = 10 ** math.floor(math.log10(max(value, 1e-3)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value - 1e-9)
