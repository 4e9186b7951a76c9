from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    draw_classes(folder / "images", count=40)
    lines = ["image,colour,amount,tags"]
    for number, file in enumerate(sorted((folder / "images").rglob("*.jpg"))):
        place = ("blue", "green", "red").index(file.parent.name)
        tags = ("cold;calm", "calm", "warm")[place]
        lines.append(f"images/{file.parent.name}/{file.name},{file.parent.name},{place}.{number % 9 + 1},{tags}")
    (folder / "t.csv").write_text("\n".join(lines))
    return folder / "t.csv"


@pytest.fixture
def run(cli: Callable[..., Any], table: Path, tmp_path: Path) -> Callable[..., Any]:
    def fit(*options: str, columns: str = "colour,amount,tags") -> Any:
        backbone = ("--backbone", "tf_efficientnet_lite0")
        return cli("fit", table, "--label-columns", columns, "--out", tmp_path / "out", *backbone, *options)

    return fit


def test_several_tasks_are_fitted_told_and_predicted(
    run: Callable[..., Any], cli: Callable[..., Any], table: Path, tmp_path: Path
) -> None:
    done = run("--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [task["kind"] for task in told["tasks"]] == ["classes", "numbers", "multi-label"]
    assert "Learning 3 tasks together (equal)." in done.err
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"model.regraft", "report.html", "tasks.json", "config.yaml"}
    assert json.loads((out / "tasks.json").read_text())["headline"] == told["headline"]

    (tmp_path / "bad.jpg").write_bytes(b"")
    images = sorted((table.parent / "images" / "green").iterdir())[:2]
    said = cli("predict", out / "model.regraft", *images, tmp_path / "bad.jpg")
    assert said.code == 1 and "bad.jpg" in said.err and "not read" in said.err
    assert len(said.out.splitlines()) == 2 and "colour: green" in said.out and "tags: calm" in said.out

    as_json = json.loads(cli("predict", out / "model.regraft", images[0], "--json", "--top", "2").out)
    assert as_json[0]["tasks"]["colour"]["value"] == "green"
    assert len(as_json[0]["tasks"]["colour"]["probabilities"]) == 2
    assert "probabilities" not in as_json[0]["tasks"]["amount"]

    as_csv = cli("predict", out / "model.regraft", images[0], "--csv").out.splitlines()
    assert as_csv[0] == "image,colour,amount,tags,error" and ",green," in as_csv[1]

    refused = cli("predict", out / "model.regraft", images[0], "--coverage", "0.9")
    assert refused.code == 2 and "--coverage has no meaning with a model of several tasks" in refused.err
    refused = cli("evaluate", out / "model.regraft", table)
    assert refused.code == 1 and "must hold a classifier of one task, but holds a model of several" in refused.err


def test_a_table_of_figures_is_printed(run: Callable[..., Any]) -> None:
    done = run("--quiet", "--task-kinds", "colour=classes", "--weighting", "uncertainty", columns="colour,amount")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split()[:2] == ["task", "measure"] and lines[1].split()[:2] == ["colour", "accuracy"]
    assert lines[-3].startswith("Learning together")
    assert lines[-1].endswith("model.regraft")


@pytest.mark.parametrize(
    ("options", "columns", "words"),
    [
        (("--label-column", "colour"), "colour,amount", "--label-column has no meaning with --label-columns; name all"),
        (("--head", "knn"), "colour,amount", "--head has no meaning with --label-columns; each kind of task has"),
        (("--shots", "3"), "colour,amount", "--shots has no meaning with --label-columns"),
        (("--budget", "5m"), "colour,amount", "--budget has no meaning with --label-columns"),
        (("--split", "blocks"), "colour,amount", "--split has no meaning with --label-columns; the test is drawn"),
        (("--strategy", "auto"), "colour,amount", "--strategy must be probe or finetune"),
        (("--mix", "mixup", "--strategy", "finetune"), "colour,amount", "--mix has no meaning where several tasks"),
        (
            (),
            "colour",
            "but 'colour' is one of classes; give it to --label-column, or say what it is",
        ),
        (("--task-kinds", "colour"), "colour,amount", "--task-kinds must be column=kind pairs"),
    ],
)
def test_what_means_nothing_for_several_tasks_is_refused(
    run: Callable[..., Any], options: tuple[str, ...], columns: str, words: str
) -> None:
    done = run(*options, columns=columns)
    assert done.code == 2 and words in done.err


@pytest.mark.parametrize("option", [("--weighting", "equal"), ("--task-kinds", "a=ordinal")])
def test_what_means_nothing_for_one_task_is_refused(
    cli: Callable[..., Any], colours: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    done = cli("fit", colours, "--out", tmp_path / "out", *option)
    assert done.code == 2 and f"{option[0]} has no meaning with one task (no --label-columns)" in done.err


def test_a_single_column_of_numbers_or_of_several_labels(
    run: Callable[..., Any], cli: Callable[..., Any], table: Path, tmp_path: Path
) -> None:
    done = run("--quiet", columns="amount")
    assert done.code == 0, done.err
    header, first = done.out.splitlines()[:2]
    assert "together" not in header and first.split()[:2] == ["amount", "mean"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "1 task" in page and "Together" not in page and "together" not in page
    figures = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert figures["headline"].startswith("amount: mean absolute error ")
    assert figures["tasks"][0].keys() >= {"linear", "alone"} and "together" not in figures["tasks"][0]
    image = next(iter((table.parent / "images" / "green").iterdir()))
    assert "amount: " in cli("predict", tmp_path / "out" / "model.regraft", image).out


def test_rows_without_any_label_take_no_part_and_are_no_fault(
    cli: Callable[..., Any], table: Path, tmp_path: Path
) -> None:
    lines = table.read_text().splitlines()
    few = [line if number % 10 else ",".join([*line.split(",")[:2], "", ""]) for number, line in enumerate(lines)]
    path = table.with_name("gaps.csv")
    path.write_text("\n".join([lines[0], *few[1:]]))
    backbone = ("--backbone", "tf_efficientnet_lite0", "--quiet", "--out", tmp_path / "out")
    done = cli("fit", path, "--label-columns", "amount", *backbone)
    assert done.code == 0, done.err
    skipped = json.loads((tmp_path / "out" / "tasks.json").read_text())["skipped"]
    assert len(skipped) == 12 and {each["reason"] for each in skipped} == {"no label in any of the columns"}
