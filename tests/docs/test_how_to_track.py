"""Every command of the how-to on tracking is run, in order, and then its program."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from regraft.tracking import TRACKERS
from regraft.tracking.configuration import RECORD
from regraft.tracking.mlflow import DEFAULTS, EXPERIMENT
from regraft.tracking.reproduction import TOLERANCE
from regraft.tracking.wandb import PROJECT

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "track.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TINY = ("--backbone", "test_efficientnet", "--weights", "none")


def blocks(kind: str) -> list[str]:
    return [content for named, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if named == kind]


@pytest.fixture
def here(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder that has what the page names; wandb is told that nobody is logged in."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    shutil.copytree(colours, "flowers")
    shutil.copytree(colours, "moved/flowers")
    [config] = blocks("yaml")
    Path("run.yaml").write_text(config)
    return tmp_path


def test_every_command_does_what_the_page_says(cli: Callable[..., Any], here: Path) -> None:
    for name in TRACKERS:
        pytest.importorskip(name)
    import wandb

    assert cli("fit", "flowers", *TINY, "--head", "logistic", "--out", "runs/first").code == 0
    for line in "".join(blocks("shell")).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "regraft"
        if arguments[0] == "fit":
            arguments += TINY
        if "finetune" in arguments or "run.yaml" in arguments:
            arguments += ["--views", "1", "--no-refit", "--epochs", "1"]
        ran = cli(*arguments)
        assert ran.code == 0, ran.err
    wandb.teardown()
    assert Path("mlflow.db").is_file()
    assert list(Path("runs/wandb").glob("offline-run-*/run-*.wandb"))
    assert len(list(Path("runs/tensorboard").iterdir())) == 3
    assert "The same: all " in ran.out
    assert Path("runs/again/config.yaml").is_file()
    assert list(Path("runs").glob("first-rerun-*/result.json"))


def test_the_program_does_what_the_page_says(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    import regraft

    fit = regraft.fit
    monkeypatch.setattr(
        regraft,
        "fit",
        lambda *data, **settings: fit(*data, backbone=TINY[1], weights=TINY[3], **settings),
        raising=False,
    )
    [program] = blocks("python")
    exec(compile(program, "page", "exec"), {})
    assert list(Path("runs/tensorboard/flowers-1").glob("events.*"))
    assert list(Path("runs").glob("flowers-*/report.html"))


def test_the_config_of_the_page_has_options_of_fit(here: Path) -> None:
    from regraft.cli.fit import command

    names = {name for parameter in command.params for name in (parameter.name, *parameter.opts)}
    [config] = blocks("yaml")
    assert {f"--{name}" for name in yaml.safe_load(config)} - {"--data"} <= names


def test_what_the_page_says_of_trackers_is_so() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(TRACKERS)
    assert f"Experiment `{EXPERIMENT}`" in page
    assert f"project `{PROJECT}`" in page
    assert "`MLFLOW_DISABLE_TELEMETRY`" in page and DEFAULTS["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert f"`--tolerance`, {TOLERANCE} unless" in page
    assert f"under `{RECORD}` the versions" in page
