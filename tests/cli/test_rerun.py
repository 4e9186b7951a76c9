"""regraft rerun: a run is repeated from its config into a new folder, and the figures of both are compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Cli = Callable[..., Any]
KNN = ("--backbone", "test_efficientnet", "--weights", "none", "--head", "knn")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Path:
    """Return a folder with a folder of images, and in runs/ a fit of them, by a relative path."""
    place = tmp_path_factory.mktemp("rerun")
    draw_classes(place / "flowers")
    return place


@pytest.fixture
def here(source: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder that has `run`, a fit of `flowers`."""
    place = tmp_path / "here"
    shutil.copytree(source, place)
    monkeypatch.chdir(place)
    assert cli("fit", "flowers", *KNN, "--out", "run", "--log", "tensorboard").code == 0
    shutil.rmtree("tensorboard")
    return place


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change(run: Path, *keys: str, to: Any) -> None:
    """Change a value in the config of a run; None takes it out."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    *above, last = keys
    part = config
    for key in above:
        part = part[key]
    part[last] = to
    (run / "config.yaml").write_text(yaml.safe_dump(config))


def test_a_run_is_repeated_from_anywhere(cli: Cli, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(here / "run")
    monkeypatch.chdir(tmp_path)
    ran = cli("rerun", here / "run", "--out", "again")
    assert ran.code == 0, ran.err
    first, last = ran.out.splitlines()
    assert first.startswith("The same: all ") and first.endswith(" values are equal, times apart.")
    assert last == "new run  again"
    assert "18 images in 3 classes" in ran.err  # the work is told beside the comparison
    assert content(here / "run") == before
    assert set(content(tmp_path / "again")) == set(before)
    assert not (here / "tensorboard").exists()  # trackers are not told
    old, new = (yaml.safe_load((run / "config.yaml").read_text()) for run in (here / "run", tmp_path / "again"))
    assert old["record"]["data"] == new["record"]["data"]
    assert Path.cwd() == tmp_path


def test_json_and_the_usual_folder(cli: Cli, here: Path) -> None:
    ran = cli("rerun", "run/", "--json")
    assert ran.code == 0
    found = json.loads(ran.out)
    assert (found["same"], found["differences"], found["tolerance"]) == (True, [], 0.0)
    assert found["out"].startswith("runs/run-rerun-")
    assert (here / found["out"] / "model.regraft").is_file()


def test_a_figure_that_differs_is_listed_and_ends_with_1(cli: Cli, here: Path) -> None:
    figures = json.loads((here / "run" / "result.json").read_text())
    figures["metrics"]["test"]["accuracy"] -= 1e-9
    (here / "run" / "result.json").write_text(json.dumps(figures))
    ran = cli("rerun", "run", "--quiet")
    assert ran.code == 1
    assert ran.err == ""
    assert ran.out.startswith("Not the same: 1 value differs, of ")
    assert "  metrics/test/accuracy: 1 became 1 (+1e-09)\n" in ran.out
    change(here / "run", "record", "packages", "torch", to="1.0")
    ran = cli("rerun", "run", "--quiet")
    assert ran.code == 0
    assert ran.out.startswith("The same within 0.01: ")
    assert "Changed since: torch 1.0 is now " in ran.out
    strict = cli("rerun", "run", "--quiet", "--tolerance", "0")
    assert (strict.code, "Not the same: 1 value differs, of " in strict.out) == (1, True)


def test_many_differences_are_cut_short(cli: Cli, here: Path) -> None:
    change(here / "run", "head", to="centroid")
    ran = cli("rerun", "run", "--quiet")
    assert ran.code == 1
    assert ran.out.count(" became ") == 20
    assert " more; --json lists all\n" in ran.out


def test_changed_data_are_said(cli: Cli, here: Path) -> None:
    next((here / "flowers" / "red").iterdir()).unlink()
    ran = cli("rerun", "run", "--quiet")
    assert ran.code == 1
    assert "The data have changed: 18 examples are now 17." in ran.out


def test_moved_data_are_named(cli: Cli, here: Path) -> None:
    (here / "moved").mkdir()
    (here / "flowers").rename(here / "moved" / "flowers")
    ran = cli("rerun", "run")
    assert (ran.code, ran.out) == (2, "")
    assert f"The data must be where they were, but {here / 'flowers'} is not there; say where they are with" in ran.err
    assert not (here / "runs").exists()
    ran = cli("rerun", "run", "--data", "moved/flowers")
    assert (ran.code, ran.out.startswith("The same: ")) == (0, True), ran.out
    twice = cli("rerun", "run", "--data", "moved/flowers", "--data", "moved/flowers")
    assert "--data must be given once for a run of one source, not 2 times." in twice.err


def test_a_run_whose_folder_of_old_is_gone_is_repeated_from_here(cli: Cli, here: Path) -> None:
    change(here / "run", "record", "directory", to=str(here / "gone"))
    assert cli("rerun", "run", "--quiet").code == 0


def test_a_run_of_several_sources(cli: Cli, here: Path) -> None:
    shutil.copytree("flowers", "other")
    options = ("--method", "center", *KNN[:4])
    assert cli("adapt", "flowers", "other", *options, "--out", "adapted", "--quiet").code == 0
    assert cli("rerun", "adapted", "--quiet").out.startswith("The same: all ")
    shutil.move("other", "another")
    assert cli("rerun", "adapted", "--quiet").code == 2
    ran = cli("rerun", "adapted", "--quiet", "--data", "flowers", "--data", "another")
    assert ran.code == 1  # its name is among the figures
    assert "target/name: other became another" in ran.out


def test_suggestions_and_domains_left_out_are_repeated_too(cli: Cli, here: Path) -> None:
    assert cli("suggest", "run/model.regraft", "flowers", "--n", 3, "--out", "suggested").code == 0
    assert cli("rerun", "suggested", "--quiet").out.startswith("The same: all ")
    for camera in ("day", "night"):
        shutil.copytree("flowers", f"cameras/{camera}")
    assert cli("generalize", "cameras", *KNN, "--out", "left-out", "--json").code == 0
    assert cli("rerun", "left-out", "--quiet").out.startswith("The same: all ")


def test_a_recipe_is_repeated(cli: Cli, here: Path) -> None:
    options = ("--backbone", "test_resnet", "--weights", "none", "--epochs", "1", "--limit", "9", "--out", "recipe")
    assert cli("recipes", "run", "flowers-resnet50", "--data", "flowers", *options).code == 0
    ran = cli("rerun", "recipe", "--quiet")
    assert (ran.code, ran.out.startswith("The same: all ")) == (0, True), ran.err


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "config.yaml").unlink(), "RUN must be a folder that a command has written with its config"),
        (lambda run: (run / "result.json").unlink(), "The run must have figures to compare with, but there is no JSON"),
        (lambda run: (run / "config.yaml").write_text("a: ["), "The options must be a YAML file of lines NAME: VALUE"),
        (
            lambda run: change(run, "command", to="fitt"),
            "A config's command must be one of regraft's, but that of run is",
        ),
        (
            lambda run: change(run, "command", to="fit me"),
            "A config's command must be one of regraft's, but that of run",
        ),
        (
            lambda run: change(run, "command", to=None),
            "A config's command must be one of regraft's, but that of run is",
        ),
        (lambda run: change(run, "command", to="backbones"), "A config's names must be options of `regraft backbones`"),
        (lambda run: change(run, "colour", to="red"), "A config's names must be options of `regraft fit`, but run has"),
        (lambda run: change(run, "seed", to="x"), "Invalid value for '--seed': 'x' is not a valid integer"),
    ],
    ids=["no config", "no figures", "broken", "command", "words", "none", "no data", "option", "value"],
)
def test_what_is_no_run_is_told(cli: Cli, here: Path, spoil: Callable[[Path], Any], words: str) -> None:
    spoil(here / "run")
    ran = cli("rerun", "run")
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert not (here / "runs").exists()


def test_the_new_run_goes_nowhere_where_something_is(cli: Cli, here: Path) -> None:
    ran = cli("rerun", "run", "--out", "run")
    assert ran.code == 2
    assert "--out must be a new or empty folder, but run holds something" in ran.err


def test_damaged_records_are_no_obstacle(cli: Cli, here: Path) -> None:
    change(here / "run", "record", to="lost")
    ran = cli("rerun", "run", "--quiet")
    assert ran.code == 0
    assert "The data have changed" not in ran.out
    assert "Changed since: regraft nothing is now " in ran.out
