"""regraft fewshot: what is printed, written and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
TINY = ("--backbone", "test_resnet", "--weights", "none", "--episodes", "2", "--no-views")


def test_the_table_and_the_picture(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("fewshot", colours, *TINY, "--shots", "2,1", "--out", tmp_path / "run")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("images a class  named together"))
    assert [line.split()[0] for line in lines[start + 1 : start + 3]] == ["1", "2"]
    assert lines[-1] == f"picture  {tmp_path / 'run' / 'fewshot.svg'}"
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.yaml", "fewshot.json", "fewshot.svg"]


def test_json_is_all_that_is_on_stdout(
    cli: Cli, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("fewshot", colours, *TINY, "--shots", "2", "--alone", "--json")
    found = json.loads(ran.out)
    assert list(found) == ["2"]
    assert found["2"].keys() >= {"accuracy", "ci95", "head"}
    assert "2 images a class: " in ran.err
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_alone_has_one_column(cli: Cli, colours: Path, tmp_path: Path) -> None:
    ran = cli("fewshot", colours, *TINY, "--shots", "1", "--alone", "--quiet", "--out", tmp_path / "run")
    assert ran.out.splitlines()[0].split("  ")[0] == "images a class"
    assert "together" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--shots", "a"), 2, "--shots must be whole numbers of images a class joined by commas, such as 1,5,20"),
        (("--shots", "0"), 2, "--shots must be numbers of examples a class from 1 up"),
        (("--shots", "99"), 1, "'blue' has 6, of which one must be left to test on; ask for 5 or fewer"),
    ],
)
def test_what_is_refused(cli: Cli, colours: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    ran = cli("fewshot", colours, *TINY, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err


def test_a_folder_that_holds_something_is_refused_before_the_work(cli: Cli, colours: Path) -> None:
    ran = cli("fewshot", colours, "--out", colours)
    assert (ran.code, ran.out) == (2, "")
    assert "--out must be a new or empty folder" in ran.err
