"""regraft evaluate: a saved classifier's figures on labelled images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_the_figures_are_printed(cli: Cli, saved: Path, colours: Path) -> None:
    ran = cli("evaluate", saved, colours)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["images", "18"]
    assert lines[1].startswith("accuracy           1.0000 (95% interval 0.8241 to 1.0000)")
    assert [line[:18].strip() for line in lines[2:]] == [
        *("balanced accuracy", "macro f1", "log loss", "roc auc", "average precision"),
    ]


def test_json_is_all_that_is_on_stdout(
    cli: Cli, saved: Path, tmp_path: Path, draw_classes: Callable[..., Path]
) -> None:
    folder = draw_classes(tmp_path / "some", 2, ("red", "blue"), seed=30)
    (folder / "red" / "empty.jpg").touch()
    ran = cli("evaluate", saved, folder, "--json", "--skip-unreadable")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert (found["n"], found["accuracy"]) == (4, 1.0)
    assert found["classes"] == ["blue", "green", "red"]
    assert found["confusion"] == [[2, 0, 0], [0, 0, 0], [0, 0, 2]]
    assert found["skipped"] == [{"name": "red/empty.jpg", "reason": "empty (0 bytes)"}]
    text = cli("evaluate", saved, folder, "--skip-unreadable", "--quiet").out
    assert "images             4 (1 skipped)" in text


def test_a_table_with_columns_of_its_own(cli: Cli, saved: Path, colours: Path, tmp_path: Path) -> None:
    rows = [f"{f.relative_to(colours)};{f.parent.name};x" for f in sorted(colours.rglob("*.jpg"))]
    (tmp_path / "t.csv").write_text("\n".join(["where;what;other", *rows]))
    options = ("--column", "where", "--label-column", "what", "--images", colours)
    assert "accuracy           1.0000" in cli("evaluate", saved, tmp_path / "t.csv", *options).out


def test_an_unknown_class_is_told(cli: Cli, saved: Path, colours: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for old, new in (("red", "red"), ("blue", "purple")):
        (tmp_path / "data" / new).symlink_to(colours / old)
    ran = cli("evaluate", saved, tmp_path / "data")
    assert (ran.code, ran.out) == (1, "")
    assert "but have purple; rename or leave out those images, or fit anew." in ran.err
