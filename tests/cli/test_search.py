"""regraft search: what it prints, writes, and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

LITE0 = ("--backbone", "tf_efficientnet_lite0")


@pytest.fixture
def query(colours: Path) -> Path:
    return min((colours / "red").iterdir())


def test_the_nearest_are_printed(cli: Cli, colours: Path, query: Path) -> None:
    ran = cli("search", colours, query, "--n", "3", *LITE0)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == str(query)
    assert lines[1].split(maxsplit=4) == ["1", "1.000", f"red/{query.name}", "red", "the same image"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]


def test_json_and_page(cli: Cli, colours: Path, query: Path, tmp_path: Path) -> None:
    out, index = tmp_path / "out", tmp_path / "i.index"
    ran = cli("search", colours, query, "--json", "-q", "--out", out, "--index", index, *LITE0)
    assert (ran.code, ran.err) == (0, "")
    printed = json.loads(ran.out)
    assert printed.pop("out") == str(out)
    assert printed == json.loads((out / "search.json").read_text())
    assert len(printed["answers"][0]["hits"]) == 12
    assert {path.name for path in out.iterdir()} == {"search.html", "search.json", "config.yaml"}
    assert index.is_file()


def test_several_queries_of_which_one_cannot_be_read(cli: Cli, colours: Path, query: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"<html>")
    ran = cli("search", colours, bad, query, "--n", "1", *LITE0)
    assert ran.code == 1
    assert ran.err == f"{bad}  not read: not an image (looks like HTML)\n"
    assert ran.out.splitlines()[0] == str(query)


def test_more_than_there_are(cli: Cli, colours: Path, query: Path) -> None:
    ran = cli("search", colours, query, "--n", "99", *LITE0)
    assert ran.out.splitlines()[-1] == "Note: There are 18 images to find, fewer than the 99 asked for."


def test_what_is_refused(cli: Cli, colours: Path, query: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "text.index").write_text("text")
    for options, code, words in (
        (("--n", "0"), 2, "--n must be a whole number above 0, not 0"),
        (("--out", tmp_path / "run"), 2, "--out must be a new or empty folder"),
        (("--index", tmp_path), 2, "--index must be a file"),
        (("--index", tmp_path / "text.index"), 1, "must be an index that `regraft search` wrote"),
    ):
        ran = cli("search", colours, query, *options, *LITE0)
        assert (ran.code, ran.out) == (code, "")
        assert words in ran.err
