"""--config and --log, on every command that writes a run; and what a run's folder keeps of its options."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from regraft.cli import recipes
from regraft.cli.recording import options
from regraft.errors import RegraftError
from regraft.tracking import TRACKERS
from regraft.tracking.sink import Sink

Cli = Callable[..., Any]
TINY = ("--backbone", "test_efficientnet", "--weights", "none")
KNN = (*TINY, "--head", "knn")
MODULES = ("fit", "compare", "adapt", "generalize", "fewshot", "cluster", "audit", "search", "suggest")
WRITERS = {name: import_module(f"regraft.cli.{name}").command for name in MODULES}
WRITERS["recipes run"] = recipes.command.commands["run"]


class Heard(Sink):
    """Remembers what it was told."""

    name = "wandb"
    told: list[Any]
    fails = ""

    def __init__(self, run: str, folder: Path) -> None:
        if self.fails == "open":
            raise OSError("no answer")
        self.where = f"{folder / 'heard' / run}"
        type(self).told = []

    def settings(self, values: Mapping[str, Any]) -> None:
        self.told.append(dict(values))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        if self.fails == "metrics":
            raise OSError("no answer")
        self.told.append(step)

    def figures(self, values: Mapping[str, float]) -> None:
        self.told.append(dict(values))

    def keep(self, file: Path, folder: Path) -> None:
        self.told.append(file.name)

    def close(self, status: str) -> None:
        self.told.append(status)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> type[Heard]:
    """Put a tracker that remembers in the place of Weights & Biases'."""
    monkeypatch.setitem(TRACKERS, "wandb", Heard)
    return Heard


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "run.yaml").write_text(text)
        return tmp_path / "run.yaml"

    return write


# --- all commands -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
def test_every_command_that_writes_a_run_takes_a_config(name: str) -> None:
    taken = {opt for parameter in WRITERS[name].params for opt in parameter.opts}
    assert {"--config", "--out"} <= taken
    assert ("--log" in taken) == (name not in ("search", "suggest"))


@pytest.mark.parametrize("name", WRITERS)
def test_defaults_written_to_a_config_are_read_as_the_defaults(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, seen = WRITERS[name], []
    needed = {
        parameter.opts[0]: "x"
        for parameter in command.params
        if parameter.required and parameter.param_type_name == "option"
    }
    arguments = ["x" for parameter in command.params if parameter.param_type_name == "argument"]
    monkeypatch.setattr(command, "callback", lambda **given: seen.append((given, options())))
    given = [*arguments, *(word for pair in needed.items() for word in pair)]
    command.main(given, prog_name=f"regraft {name}", standalone_mode=False)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(seen[0][1]))
    command.main(["--config", str(tmp_path / "run.yaml")], prog_name=f"regraft {name}", standalone_mode=False)
    assert seen[0] == seen[1]
    assert seen[0][1]["command"] == name


# --- --config -----------------------------------------------------------------------------------


def test_a_config_stands_for_options_and_the_command_line_wins(
    cli: Cli, colours: Path, tmp_path: Path, config: Callable[[str], Path]
) -> None:
    path = config(
        f"data: {colours}\nbackbone: test_efficientnet\nweights: none\nhead: knn\ntest_size: 0.3\n"
        f"seed: 3\nout: {tmp_path / 'run'}\njson: yes\nquiet: on\nlayer:\n"
    )
    ran = cli("fit", "--config", path, "--head", "centroid")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["head"]["name"] == "centroid"
    kept = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (kept["command"], kept["data"], kept["head"], kept["seed"]) == ("fit", str(colours), "centroid", 3)
    assert (kept["test-size"], kept["layer"], kept["batch-norm"], kept["log"]) == (0.3, None, None, [])
    assert kept["record"]["data"]["examples"] == 18
    assert not {"out", "json", "as-json", "quiet", "config"} & set(kept)
    again = cli("fit", "--config", tmp_path / "run" / "config.yaml", "--out", tmp_path / "again", "--json", "-q")
    assert json.loads(again.out)["metrics"] == json.loads(ran.out)["metrics"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sed: 1", "A config's names must be options of `regraft fit`, but .*run.yaml has 'sed'. Did you mean 'seed'?"),
        ("test-sise: 1", "has 'test-sise'. Did you mean 'test-size'?"),
        ("xyzzy: 1", "has 'xyzzy'.\n"),
        ("config: a.yaml", "has 'config'."),
        (
            "command: compare",
            "The config must be for `regraft fit`, but .*run.yaml is for `regraft compare`; use that.",
        ),
        ("seed: 1.5", "Invalid value for '--seed': '1.5' is not a valid integer"),
        ("seed: no", "'no' is not a valid integer"),
        ("head: forest", "'forest' is not one of 'auto'"),
        ("cut: maybe", "'maybe' is not a valid boolean"),
        ("budget: soon", "--budget must be a time above 0, such as 90s, 5m or 1.5h, not 'soon'"),
        (
            "units: [256, many]",
            "--units must be whole numbers above 0 joined by commas, such as 256,128, not '256,many'",
        ),
        ("log: [mlflow, notebook]", "'notebook' is not one of 'mlflow', 'tensorboard', 'wandb'"),
        (
            "task-kinds: {size: ordinal}",
            "task-kinds must be a value or a list of values, but in .* it is nested; write it",
        ),
        ("- seed", "The options must be a YAML file of lines NAME: VALUE"),
        ("weighting: uncertainty", "--weighting has no meaning with one task"),
        ("label-columns: a,b\nhead: knn", "--head has no meaning with --label-columns"),
    ],
)
def test_what_is_wrong_in_a_config_is_told_before_the_work(
    cli: Cli, colours: Path, tmp_path: Path, config: Callable[[str], Path], text: str, words: str
) -> None:
    import re

    ran = cli("fit", colours, "--config", config(text), "--out", tmp_path / "run")
    assert (ran.code, ran.out) == (2, "")
    said = " ".join(ran.err.split()) + "\n"
    assert all(re.search(re.escape(part), said) for part in words.split(".*")), said
    assert not (tmp_path / "run").exists()


def test_a_config_s_defaults_are_not_taken_for_the_user_s_wish(
    cli: Cli, tmp_path: Path, config: Callable[[str], Path]
) -> None:
    path = config("label-columns: a,b\nhead: auto\nsplit: random\ndropout: null\n")
    ran = cli("fit", tmp_path / "none.csv", "--config", path)
    assert "has no meaning with" not in ran.err
    assert "none.csv" in ran.err


def test_several_places_may_be_a_list_or_one(cli: Cli, tmp_path: Path, config: Callable[[str], Path]) -> None:
    ran = cli("adapt", "--config", config(f"data: ['{tmp_path}/a b', '{tmp_path}/c d']"), "--out", tmp_path / "run")
    assert f"{tmp_path}/a b" in ran.err
    ran = cli("adapt", "--config", config(f"data: {tmp_path}/a b"), "--out", tmp_path / "run")
    assert "Give a SOURCE and a TARGET" in ran.err


# --- --log --------------------------------------------------------------------------------------


def test_a_probe_is_logged(cli: Cli, colours: Path, tmp_path: Path, heard: type[Heard]) -> None:
    ran = cli("fit", colours, *KNN, "--log", "wandb", "--out", tmp_path / "run", "--json")
    assert ran.code == 0
    result = json.loads(ran.out)
    assert f"Logged to wandb: {tmp_path / 'heard' / 'run'}\n" in ran.err
    settings, figures, *rest = heard.told
    assert (settings["head"], settings["seed"], settings["command"]) == ("knn", 0, "fit")
    assert "layer" not in settings and "log" not in settings
    assert figures["test/accuracy"] == result["metrics"]["test"]["accuracy"]
    assert rest == ["config.yaml", "report.html", "result.json", "success"]


def test_each_epoch_is_logged_and_a_tracker_that_fails_then_costs_nothing(
    cli: Cli, colours: Path, tmp_path: Path, heard: type[Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = ("--strategy", "scratch", "--backbone", "cnn3", "--image-size", "40", "--epochs", "2", "--no-refit")
    ran = cli("fit", colours, *scratch, "--log", "wandb", "--out", tmp_path / "run", "--quiet")
    assert ran.code == 0, ran.err
    assert heard.told[1:3] == [1, 2]
    assert "Logged to" not in ran.err
    monkeypatch.setattr(heard, "fails", "metrics")
    ran = cli("fit", colours, *scratch, "--log", "wandb", "--out", tmp_path / "other", "--quiet")
    assert ran.code == 0
    assert ran.err.count("wandb is no longer told of this run (no answer); the run goes on.") == 1
    assert (tmp_path / "other" / "model.regraft").is_file()


def test_a_tracker_that_is_not_ready_is_told_before_the_work(
    cli: Cli, colours: Path, tmp_path: Path, heard: type[Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "fails", "open")
    ran = cli("fit", colours, *KNN, "--log", "wandb", "--out", tmp_path / "run")
    assert (ran.code, ran.out) == (1, "")
    assert (
        "wandb must be ready before the work begins, but is not (no answer); mend that, or go without wandb." in ran.err
    )
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_is_logged_as_failed(cli: Cli, tmp_path: Path, heard: type[Heard]) -> None:
    ran = cli("fit", tmp_path / "none", "--log", "wandb", "--out", tmp_path / "run")
    assert ran.code != 0
    assert heard.told[-1] == "failed"


def test_an_unknown_tracker_is_a_wrong_use(cli: Cli, tmp_path: Path) -> None:
    ran = cli("fewshot", tmp_path, "--log", "tensorbord")
    assert ran.code == 2
    assert "'tensorbord' is not one of 'mlflow', 'tensorboard', 'wandb'" in ran.err


@pytest.mark.parametrize(
    ("command", "figure", "files"),
    [
        (("fewshot", "--shots", "1", "--episodes", "2"), "1/accuracy", ["config.yaml", "fewshot.json"]),
        (("cluster", "--clusters", "3"), "clusters", ["config.yaml", "clusters.html", "clusters.json"]),
        (("audit",), "n", ["config.yaml", "audit.html", "audit.json"]),
    ],
    ids=["fewshot", "cluster", "audit"],
)
def test_other_commands_are_logged(
    cli: Cli,
    colours: Path,
    tmp_path: Path,
    heard: type[Heard],
    command: tuple[str, ...],
    figure: str,
    files: list[str],
) -> None:
    ran = cli(command[0], colours, *command[1:], *TINY, "--log", "wandb", "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    settings, figures, *rest = heard.told
    assert settings["command"] == command[0]
    assert figure in figures
    assert rest == [*files, "success"]


def test_what_goes_wrong_in_the_work_is_not_swallowed(
    cli: Cli, colours: Path, heard: type[Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **settings: Any) -> None:
        assert isinstance(click.get_current_context(), click.Context)
        raise RegraftError("No.")

    monkeypatch.setattr("regraft.cli.compare.compare", fail)
    ran = cli("compare", colours, "--log", "wandb")
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "Error: No.")
    assert heard.told[-1] == "failed"
