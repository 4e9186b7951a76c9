"""What a search found, as a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regraft.exploration.images import Images
from regraft.exploration.similarity import Answer, Found, Hit
from regraft.reports.search import FIGURES, PAGE, QUERIES, page, write


@pytest.fixture
def found() -> Found:
    pictures = [np.full((8, 8, 3), 20 * i, np.uint8) for i in range(5)]
    hits = (Hit("a.jpg", 1.0, True, "cat", 0), Hit("c.jpg", 0.6312, False, None, 2))
    answers = (Answer("query.jpg", hits), Answer("bad.jpg", (), "empty (0 bytes)"))
    images = Images(pictures, tuple("abcde"), None, "pets")
    return Found(answers, images, [pictures[0], b""], 5, "exact", ("A note.",), (), 0.1)


def test_the_query_stands_beside_what_was_found(found: Found) -> None:
    shown = page(found, "regraft search pets query.jpg")
    assert shown.count("<img") == 3
    for words in ("the query", "1.000 · the same image · cat", "0.631", "A note.", "It cannot be read: empty"):
        assert words in shown
    assert "The images most like 2 others, of 5." in shown


def test_many_queries_are_cut(found: Found) -> None:
    many = Found(found.answers[:1] * 99, found.images, found.queries[:1] * 99, 5, "exact", (), (), 0.1)
    assert page(many).count('<section class="group">') == QUERIES
    assert f"The first {QUERIES} queries are shown, search.json has all." in page(many)


def test_page_and_figures_are_written(found: Found, tmp_path: Path) -> None:
    write(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {PAGE, FIGURES}
    assert json.loads((tmp_path / FIGURES).read_text()) == found.to_dict()
