"""regraft suggest: what is printed and written, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
NO_TABLE = {"suggestions.html", "suggestions.json", "config.yaml"}


@pytest.fixture
def others(tmp_path: Path, draw_classes: Any) -> Path:
    return draw_classes(tmp_path / "others", count=4, seed=300)


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_the_page_and_how_to_go_on(cli: Cli, saved: Path, others: Path, tmp_path: Path) -> None:
    (others / "broken.jpg").write_bytes(b"no")
    ran = cli("suggest", saved, others, "--n", 4, "--out", tmp_path / "out")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].split() == ["image", "rivals", "margin", "distance", "why"]
    assert [line.split()[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    assert lines[-2] == f"page   {tmp_path / 'out' / 'suggestions.html'}"
    assert lines[-1].startswith(f"next   fill in the column label of {tmp_path / 'out' / 'suggestions.csv'}, add")
    assert ran.err.startswith("broken.jpg  not read: ")
    table = rows(tmp_path / "out" / "suggestions.csv")
    assert [row["label"] for row in table] == [""] * 4
    assert all(Path(row["image"]).is_file() and row["guess"] for row in table)
    page = (tmp_path / "out" / "suggestions.html").read_text()
    assert page.count("<img ") == 4
    assert f"Label these 4 of {12} images next." in page


def test_a_table_with_what_is_labelled_is_learnt_from_once_filled_in(
    cli: Cli, saved: Path, others: Path, colours: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = cli("suggest", saved, others, "--n", 3, "--labelled", colours, "--out", out)
    assert ran.out.splitlines()[-1] == f"next   fill in the column label, then: regraft fit {out / 'suggestions.csv'}"
    table = rows(out / "suggestions.csv")
    assert len(table) == 21
    assert all(row["label"] and not row["guess"] for row in table[:18])
    for row in table[18:]:
        row["label"] = Path(row["image"]).parent.name
    with (out / "suggestions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    import regraft

    assert len(regraft.read_source(out / "suggestions.csv")) == 21


def test_json_and_csv_are_all_that_is_on_stdout(cli: Cli, saved: Path, others: Path, tmp_path: Path) -> None:
    ran = cli("suggest", saved, others, "--n", 2, "--json", "--out", tmp_path / "a")
    found = json.loads(ran.out)
    assert (len(found["picks"]), found["n"], found["out"]) == (2, 12, str(tmp_path / "a"))
    ran = cli("suggest", saved, others, "--n", 2, "--csv", "--out", tmp_path / "b")
    table = list(csv.DictReader(ran.out.splitlines()))
    assert [row["rank"] for row in table] == ["1", "2"]
    assert [row["image"] for row in table] == [pick["name"] for pick in found["picks"]]


def test_images_of_an_archive_get_a_page_but_no_table(cli: Cli, saved: Path, others: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", others)
    ran = cli("suggest", saved, archive, "--n", 2, "--out", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == NO_TABLE
    assert ran.out.splitlines()[-1].endswith("and fit anew (no table: they are no files)")


def test_nothing_left(cli: Cli, saved: Path, colours: Path, tmp_path: Path) -> None:
    ran = cli("suggest", saved, colours, "--labelled", colours, "--out", tmp_path / "out")
    assert ran.code == 0
    assert "Nothing is left to label" in ran.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == NO_TABLE


def test_the_default_folder_is_named_after_the_images(
    cli: Cli, saved: Path, others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli("suggest", saved, others, "--n", 1, "-q")
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("others-suggest-")


def test_what_is_refused(cli: Cli, saved: Path, others: Path, colours: Path, tmp_path: Path) -> None:
    def error(*arguments: object) -> tuple[int, str]:
        ran = cli("suggest", *arguments)
        assert ran.out == ""
        return ran.code, ran.err

    out = ("--out", tmp_path / "out")
    assert error(saved, others, "--n", 0, *out)[0] == 2
    assert error(saved, others, "--csv", "--json") == (
        2,
        "Error: --csv and --json exclude each other; choose one.\n",
    )
    code, words = error(next((colours / "red").iterdir()), others, *out)
    assert code == 1
    assert words.startswith("Error: ")
    code, words = error(saved, tmp_path / "nowhere", *out)
    assert (code, "does not exist" in words) == (1, True)
    code, words = error(saved, others, "--out", colours)
    assert (code, "--out must be a new or empty folder" in words) == (2, True)
    assert not (tmp_path / "out").exists()
