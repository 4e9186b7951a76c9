"""The page of pictures: self-contained, whole, and harmless whatever the names are."""

from __future__ import annotations

import re

import numpy as np

from regraft.reports.exhibits import LOST, Exhibit, data_uri
from regraft.reports.sheet import SIDE, Card, Group, render

NASTY = "<b>&\"'_/\udce9"


def page() -> str:
    shown = Exhibit(data_uri(np.zeros((20, 30, 3), np.uint8), SIDE))
    groups = (
        Group(
            f"first{NASTY}",
            "said of all",
            (Card(f"a{NASTY}.jpg", f"0.9 {NASTY}", shown), Card("b.jpg", "", shown)),
            1234,
        ),
        Group("second", "", (Card("gone.jpg", "", LOST),)),
    )
    return render(f"pets{NASTY}", ["The headline.", "A paragraph."], groups, "regraft search x")


def test_everything_is_shown() -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page().split("<body>")[1].replace("<wbr>", "")))
    for part in ("The headline.", "A paragraph.", "said of all", "and 1,234 more", "b.jpg", "regraft search x"):
        assert part in text
    assert "can no longer be read" in text
    assert "first&lt;b&gt;&amp;&#34;&#39;_/" in text
    assert page().count("<img") == 2


def test_names_cannot_break_the_page() -> None:
    assert "<b>" not in page()
    assert "\\udce9" in page()
    page().encode("utf-8")


def test_the_page_needs_nothing_else() -> None:
    assert not re.search(r"<script|<link|@import|url\(", page())
    assert all(source.startswith("data:image/jpeg;base64,") for source in re.findall(r'src="([^"]*)"', page()))
    assert "default-src 'none'" in page()


def test_groups_without_notes_have_no_empty_paragraphs() -> None:
    assert not re.search(r"<p[^>]*>\s*(<bdi[^>]*>\s*</bdi>)?\s*</p>", page())
