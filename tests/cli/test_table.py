"""regraft table: the image,label table of a folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Cli = Callable[..., Any]


def test_the_table_can_be_fitted_on(cli: Cli, tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    folder = draw_classes(tmp_path / "data", 2)
    ran = cli("table", folder, folder / "table.csv")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"6 images in 3 classes: {folder / 'table.csv'}\n"
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"image": "blue/blue-0-0.jpg", "label": "blue"}
    assert len(rows) == 6
    options = ("--backbone", "tf_efficientnet_lite0", "--head", "centroid", "--json", "--out", tmp_path / "run")
    assert cli("fit", folder / "table.csv", *options).code == 0


def test_splits_and_labels_in_names_are_kept(cli: Cli, tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    for part, seed in (("train", 0), ("test", 9)):
        folder = draw_classes(tmp_path / part / "all", 2, ("red", "blue"), seed=seed)
        for file in folder.rglob("*.jpg"):
            file.rename(tmp_path / part / file.name)
        for empty in sorted(folder.rglob("*"), reverse=True):
            empty.rmdir()
        folder.rmdir()
    assert cli("table", tmp_path, tmp_path / "t.parquet", "--label-from-name", "--quiet").out == ""
    table = pq.read_table(tmp_path / "t.parquet").to_pydict()
    assert table["label"] == ["blue", "blue", "red", "red"] * 2
    assert table["split"] == ["train"] * 4 + ["test"] * 4


def test_nothing_is_overwritten(cli: Cli, tmp_path: Path, colours: Path) -> None:
    (tmp_path / "t.csv").write_text("mine")
    for out, words in (
        (tmp_path / "t.csv", "exists and is not overwritten: choose another name"),
        (tmp_path / "t.txt", "a table's name must end in .csv, .tsv, .parquet"),
        (tmp_path / "absent" / "t.csv", "does not exist: create it first"),
    ):
        ran = cli("table", colours, out)
        assert (ran.code, ran.out) == (1, "")
        assert words in ran.err
    assert (tmp_path / "t.csv").read_text() == "mine"
