"""A map of examples of several domains, as a picture that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.reports.html import template

SIDE, TOP, MARGIN, LEAST_DOWN = 560, 74, 18, 200

MOST = 3_000
"""Points drawn: more would hide each other, and the file grows with them."""

SHAPES = (
    "m-{r} 0a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z",
    "m-{r} -{r}h{d}v{d}h-{d}z",
    "m0 -{t}l{t} {d}h-{e}z",
    "m0 -{t}l{t} {t}l-{t} {t}l-{t} -{t}z",
    "m0 {t}l{t} -{d}h-{e}z",
    "m-{s} -{t}h{r}v{r}h{r}v{r}h-{r}v{r}h-{r}v-{r}h-{r}v-{r}h{r}z",
)
"""Marks of classes as paths around a point: circle, square, triangle, diamond, triangle down, cross."""

WORDS = 24
"""Classes whose names are written where they are; of more there would only be clutter."""

COMPACT = 70
"""Pixels within which half of a class's examples must be for its name to say where it is."""


@dataclass(frozen=True)
class Mark:
    """Points of one domain, or a sample of a mark, as one path."""

    domain: int
    d: str
    text: str = ""


@dataclass(frozen=True)
class Word:
    """A class's name where a domain has it, in pixels of the map."""

    domain: int
    x: float
    y: float
    text: str
    anchor: str


def domain_map(
    places: npt.ArrayLike,
    domains: Sequence[str],
    labels: Sequence[str | None] | None = None,
    *,
    title: str = "Source and target on one map",
    note: str = "near each other: features alike; where colours part, the domains differ",
) -> str:
    """Return a map of examples as a standalone SVG: a colour a domain, a shape a class, and the classes' names.

    The domains also differ in filled and hollow marks, so that colours are not all that tells them apart.

    Parameters
    ----------
    places : array of shape (n, 2)
        Where each example is, both coordinates from 0 to 1, such as `exploration.projection.project` gives.
    domains : sequence of str of length n
        Each example's domain; they are shown in the order in which they come.
    labels : sequence of str or None of length n, optional
        Each example's class; None where it is unknown.
    title, note : str

    Returns
    -------
    str

    Raises
    ------
    DataError
        If the lengths differ, or there is nothing to draw.
    """
    points = np.asarray(places, np.float64)
    if points.ndim != 2 or points.shape[1:] != (2,) or not len(points) or len(domains) != len(points):
        raise DataError(
            f"places must be a row (x, y) for each of the {len(domains)} domains' names, 1 or more, "
            f"not the shape {points.shape}"
        )
    if labels is not None and len(labels) != len(points):
        raise DataError(f"labels must be {len(points)}, one for each place, not {len(labels)}")
    of_domain, names = _numbered(domains)
    of_class, classes = _numbered([None] * len(points) if labels is None else labels)
    shaped = 1 < len(classes) <= len(SHAPES)
    shown = _shown(points)
    at, down = _pixels(points, shown)
    counts = [f"{name} ({int((of_domain == i).sum()):,})" for i, name in enumerate(names)]
    less = f"; {len(shown):,} of {len(points):,} examples are drawn" if len(shown) < len(points) else ""
    return template("domains.svg.html", printable=_printable).render(
        title=title,
        what=f"Map of {len(points)} examples of {', '.join(counts)}.",
        note=note + less,
        marks=_marks(at, shown, of_domain, np.where(shaped & (of_class >= 0), of_class, 0)),
        words=_words(at, of_domain, of_class, classes) if 1 < len(classes) <= WORDS else [],
        keys=[Mark(i, _path(0, 5.0), text) for i, text in enumerate(counts)],
        shapes=[Mark(0, _path(i, 4.5), name) for i, name in enumerate(classes)] if shaped else [],
        side=SIDE,
        down=down,
        top=TOP,
    )


def _numbered(names: Sequence[str | None]) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return each name's number in the order in which they come, -1 for None, and the names."""
    order = list(dict.fromkeys(name for name in names if name is not None))
    number = {name: i for i, name in enumerate(order)}
    return np.array([-1 if name is None else number[name] for name in names], np.intp), order


def _shown(points: np.ndarray) -> npt.NDArray[np.intp]:
    """Return the points that are drawn, mixed: no domain lies on top of the others."""
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    return np.random.default_rng(0).permutation(finite)[:MOST]


def _pixels(points: np.ndarray, shown: np.ndarray) -> tuple[npt.NDArray[np.float64], int]:
    """Return the places in pixels, and how high the map is: no higher than its points reach."""
    at = MARGIN + np.clip(points, 0, 1) * (SIDE - 2 * MARGIN)
    low, high = (at[shown, 1].min(), at[shown, 1].max()) if len(shown) else (0.0, 0.0)
    at[:, 1] += MARGIN - low
    return np.round(at, 1), max(LEAST_DOWN, int(np.ceil(high - low)) + 2 * MARGIN)


def _marks(at: np.ndarray, shown: np.ndarray, of_domain: np.ndarray, shape: np.ndarray) -> list[Mark]:
    """Return the points as paths, in turns of the domains, so that each covers the others as often as it is covered."""
    radius = 3.4 if len(shown) <= 1_000 else 2.6
    turns = max(1, min(20, len(shown) // 20))
    marks = []
    for part in np.array_split(shown, turns):
        for domain in np.unique(of_domain[part]).tolist():
            own = part[of_domain[part] == domain]
            paths = [f"M{at[i, 0]:g} {at[i, 1]:g}{_path(int(shape[i]), radius)}" for i in own]
            marks.append(Mark(domain, "".join(paths)))
    return marks


def _path(shape: int, r: float) -> str:
    """Return a mark of about the same area whatever its shape, as a path from its middle."""
    if shape in (0, 1):
        r *= 1.0 if shape == 0 else 0.88
        return SHAPES[shape].format(r=f"{r:.2f}", d=f"{2 * r:.2f}")
    t = 1.25 * r
    if shape == 5:
        r, t = 0.78 * r, 1.17 * r
        return SHAPES[5].format(r=f"{r:.2f}", s=f"{r / 2:.2f}", t=f"{t:.2f}")
    return SHAPES[shape].format(t=f"{t:.2f}", d=f"{(2 if shape != 3 else 1) * t:.2f}", e=f"{2 * t:.2f}")


def _words(at: np.ndarray, of_domain: np.ndarray, of_class: np.ndarray, classes: Sequence[str]) -> list[Word]:
    """Return the classes' names where each domain has them, if they are in one place, none upon another."""
    words: list[Word] = []
    for domain in np.unique(of_domain).tolist():
        for c, name in enumerate(classes):
            own = at[(of_class == c) & (of_domain == domain) & np.isfinite(at).all(axis=1)]
            if not len(own):
                continue
            away = np.hypot(*(own - np.median(own, axis=0)).T)
            if np.median(away) > COMPACT:
                continue
            x, y = own[np.argmin(away)].tolist()
            while any(abs(word.y - y) < 15 and abs(word.x - x) < 4.5 * (len(word.text) + len(name)) for word in words):
                y += 3
            anchor = "start" if x < 60 else "end" if x > SIDE - 60 else "middle"
            words.append(Word(domain, x, round(y, 1), name, anchor))
    return words


def _printable(text: Any) -> str:
    # Names of files and columns may hold control characters, with which XML would be none.
    return "".join(character for character in str(text) if character.isprintable())
