"""regraft adapt and regraft generalize: what is printed, written and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

Cli = Callable[..., Any]
TINY = ("--backbone", "test_resnet", "--weights", "none", "--image-size", "32", "--engine", "torch")
COLOURS = {"blue": (200, 60, 40), "green": (60, 170, 50), "red": (40, 50, 200)}


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders camera/colour/image of two cameras."""
    folder = tmp_path_factory.mktemp("cameras")
    rng = np.random.default_rng(0)
    for camera, light in (("day", 0), ("night", -40)):
        for name, colour in COLOURS.items():
            (folder / camera / name).mkdir(parents=True)
            for i in range(7):
                pixels = np.clip(np.array(colour) + light + rng.normal(0, 50, (24, 28, 3)), 0, 255)
                cv2.imwrite(str(folder / camera / name / f"{i}.png"), pixels.astype(np.uint8))
    return folder


def test_a_table_and_files(cli: Cli, cameras: Path, tmp_path: Path) -> None:
    ran = cli("adapt", cameras / "day", cameras / "night", *TINY, "--method", "center,coral", "--out", tmp_path / "run")
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("method ")
    assert [line.split()[0] for line in ran.out.splitlines()[1:4]] == ["source-only", "center", "coral"]
    assert "kept" in ran.out
    assert "21 labels were found in the target: they serve to measure alone" in ran.err
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {"adapt.json", "config.yaml", "domains.svg", "model.regraft", "predictions.csv", "report.html"}
    named = cli("predict", tmp_path / "run" / "model.regraft", cameras / "night" / "red")
    assert (named.code, len(named.out.splitlines())) == (0, 7)


def test_json(cli: Cli, cameras: Path, tmp_path: Path) -> None:
    ran = cli(
        "adapt", cameras, "--target-domain", "night", *TINY, "--method", "center", "--json", "--out", tmp_path / "r"
    )
    found = json.loads(ran.out)
    assert found.keys() >= {"source_only", "chosen", "method", "oracle", "fell_back"}
    assert (found["method"], found["source"]["domains"]) == ("center", ["day"])


def test_several_sources(cli: Cli, cameras: Path, tmp_path: Path) -> None:
    arguments = (cameras / "day", cameras / "night", cameras / "night", *TINY, "--method", "center", "--quiet")
    ran = cli("adapt", *arguments, "--json", "--out", tmp_path / "run")
    assert json.loads(ran.out)["source"] == {"name": "day+night", "n": 42, "domains": ["day", "night"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("day",), "Give a SOURCE and a TARGET, or --target-domain NAME"),
        (("day", "night", "--target-domain", "x"), "--target-domain names a domain of one SOURCE"),
        (("day", "night", "--method", "corall"), "Did you mean coral?"),
        (("day", "night", "--method", "tradaboost"), "add --target-labels"),
        (("day", "night", "--target-labels", "0"), "--target-labels must be a number of labels a class from 1 up"),
        (("day", "night", "--epochs", "3"), "--epochs is for training the backbone; add --unfreeze STAGE"),
        (("day", "night", "--unfreeze", "all"), "must go with --method dann, deep-coral, mcc, tent or all"),
        (("day", "day", "night"), "Each source must be given once"),
    ],
)
def test_what_is_refused(
    cli: Cli, cameras: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(cameras)
    ran = cli("adapt", *arguments, *TINY, "--out", tmp_path / "run")
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert not (tmp_path / "run").exists()


def test_links_that_are_not_there(cli: Cli, cameras: Path, tmp_path: Path) -> None:
    arguments = (cameras / "day", cameras / "night", *TINY, "--method", "center", "--links", tmp_path / "none.csv")
    ran = cli("adapt", *arguments, "--out", tmp_path / "run")
    assert ran.code == 1
    assert "none.csv" in ran.err
    assert "source-only:" not in ran.err  # nothing was tried before
    assert not (tmp_path / "run").exists()


def test_links_are_told_of(cli: Cli, cameras: Path, tmp_path: Path) -> None:
    table = tmp_path / "links.csv"
    sides = [[f"{side}/{c}/{i}.png" for c in COLOURS for i in range(7)] for side in ("source", "target")]
    pairs = [(names[i], names[i - 1]) for names in sides for i in range(1, 21)]
    table.write_text("\n".join(["a,b", *(",".join(pair) for pair in pairs), "nobody,red/0.png"]))
    arguments = (cameras / "day", cameras / "night", *TINY, "--method", "center", "--links", table)
    ran = cli("adapt", *arguments, "--out", tmp_path / "run")
    assert ran.code == 0
    assert "Links: 1 of 41 links do not join two of the 42 examples" in ran.out
    assert "With links " in ran.out


def test_a_method_that_cannot_be_done_is_refused_before_any_is_tried(cli: Cli, cameras: Path, tmp_path: Path) -> None:
    arguments = (cameras / "day", cameras / "night", *TINY, "--method", "multi-tradaboost", "--target-labels", "2")
    ran = cli("adapt", *arguments, "--out", tmp_path / "run")
    assert ran.code == 2
    assert "must have several sources; give more, or take tradaboost." in ran.err
    assert "source-only:" not in ran.err


def test_generalize(cli: Cli, cameras: Path) -> None:
    ran = cli("generalize", cameras, *TINY)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("domain left out")
    assert [line.split()[0] for line in ran.out.splitlines()[1:3]] == ["day", "night"]
    assert "A domain never seen is named with accuracy" in ran.out
    found = json.loads(cli("generalize", cameras / "day", cameras / "night", *TINY, "--quiet", "--json").out)
    assert set(found["domains"]) == {"day", "night"}
    assert found["worst"]["domain"] in ("day", "night")


def test_generalize_refuses_one_domain(cli: Cli, cameras: Path) -> None:
    ran = cli("generalize", cameras / "day", *TINY)
    assert (ran.code, ran.out) == (1, "")
    assert "There must be two domains or more to leave one out" in ran.err
