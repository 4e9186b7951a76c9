"""What a search found, as one HTML page of pictures that needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from regraft.data.dataset import NOUNS
from regraft.exploration.similarity import Answer, Found, Hit
from regraft.reports.exhibits import Exhibits
from regraft.reports.sheet import SIDE, Card, Group, render

PAGE = "search.html"
FIGURES = "search.json"

QUERIES, HITS = 60, 60
"""Queries on the page, and examples of each; search.json has all."""


def write(found: Found, folder: Path, command: str = "") -> None:
    """Write `search.html` and `search.json` into a folder that is there."""
    (folder / PAGE).write_text(page(found, command), encoding="utf-8")
    (folder / FIGURES).write_text(json.dumps(found.to_dict(), indent=1), encoding="utf-8")


def page(found: Found, command: str = "") -> str:
    """Return the page: each query, and what is most like it."""
    many = len(found.answers)
    things = NOUNS[found.images.modality][1]
    exhibits = Exhibits(found.images.modality)
    lead = [
        f"The {things} most like {f'{many:,} others' if many > 1 else 'another'}, of {found.n:,}.",
        "First the query, then what is most like it; the number is the cosine of centred features, at most 1.",
        *found.notes,
    ]
    if many > QUERIES:
        lead.append(f"The first {QUERIES} queries are shown, search.json has all.")
    asked = list(zip(found.answers, found.queries, strict=True))[:QUERIES]
    groups = [_group(found, answer, query, exhibits) for answer, query in asked]
    return render(f"{found.images.name} · search", lead, groups, command)


def _group(found: Found, answer: Answer, query: object, exhibits: Exhibits) -> Group:
    if answer.error:
        return Group(answer.query, f"It cannot be read: {answer.error}.", ())
    cards = [Card(answer.query, "the query", exhibits.show(query, SIDE))]
    thing = NOUNS[found.images.modality][0]
    cards += [
        Card(hit.name, _caption(hit, thing), exhibits.show(found.images.examples[hit.position], SIDE))
        for hit in answer.hits[:HITS]
    ]
    return Group(answer.query, "", tuple(cards), max(len(answer.hits) - HITS, 0))


def _caption(hit: Hit, thing: str) -> str:
    return " · ".join(filter(None, (f"{hit.similarity:.3f}", f"the same {thing}" if hit.same else "", hit.label or "")))
