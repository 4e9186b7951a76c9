"""regraft recipes: list, show and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.recipes import runner
from regraft.recipes.recipe import load, names

Cli = Callable[..., Any]


def test_all_are_listed(cli: Cli) -> None:
    listed = cli("recipes", "list")
    assert (listed.code, listed.err) == (0, "")
    *lines, last = listed.out.splitlines()
    assert [line.split()[0] for line in lines] == names()
    assert all(load(name).title in line for name, line in zip(names(), lines, strict=True))
    assert "regraft recipes run NAME --data DIR" in last
    assert cli("recipes").out == listed.out


@pytest.mark.parametrize("name", names())
def test_every_fact_is_shown(cli: Cli, name: str) -> None:
    recipe = load(name)
    shown = " ".join(cli("recipes", "show", name).out.split())
    for text in (recipe.title, recipe.summary, recipe.data, recipe.layout, *recipe.facts, *recipe.variants):
        assert " ".join(text.split()) in shown
    for variant in recipe.variants.values():
        assert variant.title in shown
        assert all(str(figure) in shown for figure in variant.published)


def test_json_has_every_fact(cli: Cli) -> None:
    shown = json.loads(cli("recipes", "show", "signs-vgg19", "--json").out)
    assert shown == json.loads(json.dumps(load("signs-vgg19").to_dict()))


def test_an_unknown_name_is_answered_with_the_nearest(cli: Cli) -> None:
    for arguments in (("show", "signs"), ("run", "signs", "--data", "x")):
        ran = cli("recipes", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert "Did you mean 'signs-vgg19'?" in ran.err


def test_data_must_be_named(cli: Cli) -> None:
    ran = cli("recipes", "run", "signs-vgg19")
    assert ran.code == 2
    assert "--data" in ran.err


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, fitted: Any) -> list[dict[str, Any]]:
    """Let `fit` answer at once, and return what it is asked for."""
    calls: list[dict[str, Any]] = []

    def answer(data: Any, **settings: Any) -> Any:
        calls.append(settings)
        return fitted

    monkeypatch.setattr(runner, "fit", answer)
    return calls


def test_a_run_prints_figures_side_by_side(
    cli: Cli, answered: list[dict[str, Any]], colours: Path, tmp_path: Path, fitted: Any
) -> None:
    options = ("--backbone", "tf_efficientnet_lite0", "--limit", "5", "--epochs", "2", "--out", tmp_path / "run")
    ran = cli("recipes", "run", "dog-breeds-inception", "--data", colours, *options)
    assert ran.code == 0, ran.err
    said, network, epochs, header, val, test, f1, *notes, seconds, report, model = ran.out.splitlines()
    assert said == "dog-breeds-inception, frozen: as published."
    assert network == "frozen is run with tf_efficientnet_lite0 instead of inception_v3."
    assert epochs == "frozen is trained for 2 epochs at most instead of 15."
    assert header.split("  ")[0] == "variant"
    accuracy = fitted.evaluations["test"].accuracy
    low, high = fitted.evaluations["test"].accuracy_ci95
    columns = [" ".join(part.split()) for part in val.split("  ") if part]
    assert columns == [
        "frozen",
        "accuracy (val, here test)",
        "over 0.80",
        f"{accuracy:.3f}",
        f"{low:.3f} to {high:.3f}",
    ]
    assert test.split()[:4] == ["frozen", "accuracy", "(test)", "0.86"]
    assert "F1 (test)" in f1
    assert all(note.startswith("Note: ") for note in notes)
    assert seconds.endswith("s in all.")
    assert Path(report.split()[1]).is_file()
    assert Path(model.split()[1]) == tmp_path / "run" / "frozen" / "model.regraft"
    assert answered[0]["training"].epochs == 2
    assert answered[0]["command"].startswith("regraft recipes run dog-breeds-inception")
    again = cli("recipes", "run", "dog-breeds-inception", "--data", colours, *options)
    assert (again.code, again.out) == (2, "")
    assert "--out must be a new or empty folder" in again.err


def test_a_run_as_json(cli: Cli, answered: list[dict[str, Any]], colours: Path, tmp_path: Path) -> None:
    command = ("recipes", "run", "hotdog-resnet50", "--variant", "as-written", "--data", colours, "--json")
    ran = cli(*command, "--out", tmp_path / "run")
    found = json.loads(ran.out)
    assert found["recipe"] == "hotdog-resnet50"
    assert found["rows"][0]["variant"] == "as-written"
    assert found["rows"][0]["published"] == 0.49
    assert set(found["rows"][0]) >= {"variant", "metric", "published", "measured", "ci95"}
    assert Path(found["out"]["as-written"], "report.html").is_file()
    assert "as-written: class scores as features" in ran.err
    assert "as-written" not in cli(*command, "--quiet", "--out", tmp_path / "quiet").err
    assert answered[0]["pool"] == "scores"
    assert answered[0]["pixels"] == "0..1"


def test_figures_that_were_not_measured_or_published(
    cli: Cli, answered: list[dict[str, Any]], colours: Path, tmp_path: Path
) -> None:
    command = ("recipes", "run", "signs-vgg19", "--data", colours, "--quiet", "--out", tmp_path / "run")
    shown = {line.split("  ")[1].strip(): line for line in cli(*command).out.splitlines() if line.startswith("frozen")}
    assert shown["seconds an epoch"].split()[-1] == "-"
    assert "half an hour" in shown["seconds"]
    other = ("recipes", "run", "flowers-inception-bottleneck", "--data", colours, "--quiet", "--out", tmp_path / "b")
    assert cli(*other).out.splitlines()[1].split()[:4] == ["bottleneck", "accuracy", "(test)", "-"]
