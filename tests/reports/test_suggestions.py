"""The page of what to label next, and its table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.exploration.active_learning import Suggestions, suggest
from regraft.reports import suggestions
from regraft.reports.suggestions import caption, page, write


@pytest.fixture(scope="module")
def found(saved: Path, colours: Path, tmp_path_factory: pytest.TempPathFactory, draw_classes: Any) -> Suggestions:
    others = draw_classes(tmp_path_factory.mktemp("pool") / "others", count=3, seed=500)
    return suggest(regraft.Classifier.load(saved), others, 5, labelled=colours)


def test_the_page_shows_picks_and_why(found: Suggestions) -> None:
    html = page(found, "regraft suggest m u")
    assert "Label these 5 of 9 images next." in html
    assert "<code>regraft suggest m u</code>" in html
    for rank, one in enumerate(found.picks, 1):
        assert f"{rank}. {one.rivals[0]} {one.probabilities[0]:.2f}, {one.rivals[1]}" in html
        assert caption(one).endswith(one.why)


def test_the_page_has_an_end(found: Suggestions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "SHOWN", 2)
    html = page(found)
    assert html.count("<img ") == 2
    assert "and 3 more" in html


def test_no_picks(found: Suggestions) -> None:
    html = page(replace(found, picks=(), examples=[]))
    assert "There is nothing left to label." in html
    assert "<img " not in html


def test_a_split_and_groups_go_on(found: Suggestions, tmp_path: Path) -> None:
    labelled = found.labelled
    assert labelled is not None
    n = len(labelled)
    labelled = replace(labelled, split=np.array(["train", "test"] * (n // 2)), groups=np.array(["a"] * n))
    assert write(replace(found, labelled=labelled), tmp_path, tmp_path)
    with (tmp_path / "suggestions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows[n:]] == ["train"] * 5
    assert [row["group"] for row in rows[:2] + rows[n:]] == ["a"] * 2 + [""] * 5


def test_images_are_named_from_where_the_table_will_stand(found: Suggestions, tmp_path: Path) -> None:
    above = found.examples[0].parents[2]
    write(replace(found, labelled=None), tmp_path, above)
    with (tmp_path / "suggestions.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert not Path(first["image"]).is_absolute()
    assert (above / first["image"]) == found.examples[0]


def test_what_is_no_file_is_in_no_table(found: Suggestions, tmp_path: Path) -> None:
    assert not write(replace(found, examples=[b""] * 5), tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["suggestions.html"]
    labelled = replace(found.labelled, _keep=object())  # type: ignore[type-var]
    assert not write(replace(found, labelled=labelled), tmp_path, tmp_path)


def test_undecodable_names(found: Suggestions, tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    first = replace(found.picks[0], name="flower-\udcff.jpg")
    write(replace(found, picks=(first, *found.picks[1:])), tmp_path, tmp_path)
    assert "flower-\\udcff.jpg" in (tmp_path / "suggestions.html").read_text()
