"""regraft compare: what it asks for, prints, writes, and refuses before any work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from regraft import pipeline
from regraft.backbones.lookup import get_backbones
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset
from regraft.errors import RegraftError
from regraft.evaluation.metrics import evaluate
from regraft.heads.selection import Candidate
from regraft.result import Result

Cli = Callable[..., Any]
FILES = {"comparison.html", "comparison.svg", "comparison.json", "config.yaml"}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put a fit that learns nothing in place of the real one: the probe is always right, scratch says one class."""
    made: list[dict[str, Any]] = []
    lite0 = get_backbones("tf_efficientnet_lite0")

    def fit(data: Dataset, *, progress: Any = None, **settings: Any) -> Result:
        made.append(settings)
        if settings["strategy"] == "finetune":
            raise RegraftError("No [stage] of that name.")
        says = data.y if settings["strategy"] == "probe" else np.zeros(len(data), int)
        probabilities = np.eye(3)[says]
        return Result(
            classifier=Classifier(data.class_names, lite0, ("f32",), (1280,), "logistic", {}, {}),
            dataset=data,
            protocol="cross-validation",
            evaluations={"test": evaluate(data.y, probabilities, data.class_names)},
            test_index=np.arange(len(data)),
            test_probabilities=probabilities,
            candidates=(Candidate("logistic", float(np.mean(says == data.y)), 0.01, 0.5, {}),),
            timings={"total": 1.0},
            engine="torch",
            cache_hits=0,
            cache_misses=0,
            skipped=(),
            notes=(),
            seed=0,
            evidence=cast("Any", None),
            audit=cast("Any", SimpleNamespace(sentences=list)),
            trainable=3843,
        )

    monkeypatch.setattr(pipeline, "fit", fit)
    return made


def test_the_run_and_what_is_printed(
    cli: Cli, colours: Path, tmp_path: Path, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    ran = cli("compare", colours, "--strategies", "scratch,probe,finetune", "--budget", "2m", "--epochs", 3)
    assert (ran.code, ran.err) == (0, "")
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("colours-")
    assert {path.name for path in run.iterdir()} == FILES
    assert [call["strategy"] for call in calls] == ["probe", "scratch", "finetune"]
    assert 59 < calls[1]["budget"] <= 60
    assert calls[1]["training"].epochs == 3
    lines = ran.out.splitlines()
    assert lines[0] == "18 images in 3 classes: blue 6, green 6, red 6."
    assert any(line.startswith("probe *") and "1.000 (0.824–1.000)" in line and "3,843" in line for line in lines)
    assert any(line.startswith("scratch") and "< 0.001" in line for line in lines)
    assert "finetune failed: No [stage] of that name." in lines
    assert lines[-3].startswith("Transfer gains +66.7 points (95% interval ")
    assert lines[-2].split() == ["report", str(Path("runs") / run.name / "comparison.html")]
    assert lines[-1].split() == ["picture", str(Path("runs") / run.name / "comparison.svg")]
    plain = json.loads((run / "comparison.json").read_text())
    assert plain["command"].startswith("regraft compare ")


def test_json_is_the_file(cli: Cli, colours: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    out = tmp_path / "deep" / "run"
    ran = cli("compare", colours, "--strategies", "probe,scratch", "--json", "--quiet", "--out", out)
    assert (ran.code, ran.err) == (0, "")
    printed = json.loads(ran.out)
    assert printed.pop("out") == str(out)
    assert printed == json.loads((out / "comparison.json").read_text())
    assert [row["strategy"] for row in printed["rows"]] == ["probe", "scratch"]
    assert printed["verdict"]["gain"] == pytest.approx(12 / 18)
    assert [path.name for path in out.parent.iterdir()] == ["run"]


def test_what_is_refused_before_any_work(cli: Cli, colours: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    for options, words in (
        (("--strategies", "prob"), "not 'prob'; did you mean 'probe'?"),
        (("--strategies", ""), "--strategies must be some of scratch"),
        (("--budget", "0"), "--budget must be a time above 0, such as 90s, 5m or 1.5h, not '0'"),
        (("--budget", "soon"), "not 'soon'"),
        (("--out", tmp_path / "run"), "--out must be a new or empty folder"),
    ):
        ran = cli("compare", colours, *options)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("Error: ")
        assert words in ran.err
    assert not calls
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "notes.txt"]


def test_where_nothing_can_be_fitted(cli: Cli, colours: Path, tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    ran = cli("compare", colours, "--strategies", "finetune", "--out", tmp_path / "run", "--quiet")
    assert (ran.code, ran.out) == (1, "")
    assert "At least one strategy must be fitted, but none could be: finetune: No [stage]" in ran.err
    assert not (tmp_path / "run").exists()
