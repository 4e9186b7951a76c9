"""Figures are compared to the last digit where nothing has changed, and within a tolerance where something has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import UsageError
from regraft.tracking.reproduction import TOLERANCE, compare, config_of, read_figures

RECORD: dict[str, Any] = {
    "regraft": "0.1.0",
    "cores": "2",
    "gpu": None,
    "packages": {"torch": "2.9", "timm": "1.0"},
    "data": {"examples": "60", "sha256": "a"},
}


def run(accuracy: float = 0.9, **others: Any) -> dict[str, Any]:
    test = {"accuracy": accuracy, "confusion": [[5, 1], [0, 6]], "log_loss": None}
    return {"result.json": {"metrics": {"test": test}, "head": {"name": "knn"}, "timings_s": {"total": 1.0}, **others}}


def test_equal_values_are_the_same_times_apart() -> None:
    new = run(timings_s={"total": 2.0}, seconds=3, created="later", command="regraft rerun x", notes=["slow"])
    found = compare(run(), new, RECORD, {**RECORD, "cores": 2})
    assert found.same
    assert (found.differences, found.beyond, found.tolerance, found.changed) == ((), (), 0.0, ())
    assert found.compared == 7
    assert found.headline == "The same: all 7 values are equal, times apart."
    assert found.sentences() == []


def test_on_the_same_machine_the_last_digit_counts() -> None:
    found = compare(run(0.9), run(0.9 + 1e-12), RECORD, RECORD)
    assert not found.same
    assert found.headline == "Not the same: 1 value differs, of 7 values in all."
    assert [str(each) for each in found.beyond] == ["metrics/test/accuracy: 0.9 became 0.9 (+1e-12)"]


def test_values_that_come_go_or_change_kind_are_listed() -> None:
    old, new = run(rows=[1], flag=True, word="a"), run(rows=[], flag=1.5, word="b", more={"x": 2})
    found = compare(old, new, RECORD, RECORD)
    assert [str(each) for each in found.differences] == [
        "rows/0: 1 became nothing",
        "flag: True became 1.5",
        "word: a became b",
        "more/x: nothing became 2",
    ]


def test_not_a_number_is_the_same_as_itself() -> None:
    assert compare(run(x=float("nan")), run(x=float("nan")), RECORD, RECORD).same


def test_with_other_versions_main_figures_may_differ_a_little() -> None:
    newer = {**RECORD, "regraft": "0.2.0", "gpu": "A GPU", "packages": {"torch": "2.10", "peft": "0.1"}}
    near = run(0.9 - TOLERANCE / 2, head={"name": "logistic"})
    found = compare(run(), near, RECORD, newer)
    assert found.same
    assert found.headline == "The same within 0.01: no main figure differs by more, though 2 of 7 values are not equal."
    assert found.changed == (
        "regraft 0.1.0 is now 0.2.0",
        "gpu nothing is now A GPU",
        "torch 2.9 is now 2.10",
        "timm 1.0 is now nothing",
        "peft nothing is now 0.1",
    )
    assert found.sentences()[0].startswith("Changed since: regraft 0.1.0 is now 0.2.0, gpu")
    far = compare(run(), run(0.9 - 2 * TOLERANCE), RECORD, newer)
    assert not far.same
    assert far.headline == "Not the same: 1 main figure differs by more than 0.01, of 7 values in all."
    assert compare(run(), run(0.8), RECORD, newer, tolerance=0.2).same
    assert compare(run(n=1000.0), run(n=1009.0), RECORD, newer).same
    assert not compare(run(n=1000.0), run(n=1011.0), RECORD, newer).same


def test_other_data_and_a_budget_are_said() -> None:
    more = {**RECORD, "data": {"examples": "61", "sha256": "b"}}
    found = compare(run(), run(0.9001), RECORD, more, budget=True)
    assert found.same
    assert found.sentences() == [
        "The data have changed: 60 examples are now 61.",
        "The run had a budget: its learning rates, and what it left out, depend on how fast the machine was.",
    ]
    assert not compare(run(), run(0.5), RECORD, RECORD, budget=True).same
    others = compare(run(), run(), RECORD, {**RECORD, "data": {"examples": "60", "sha256": "b"}})
    assert others.data_changed == "there are as many examples, but not all of the same name, label and size"
    assert compare(run(), run(), {}, {}).same


def test_plain_values_can_be_json() -> None:
    plain = json.loads(json.dumps(compare(run(), run(0.5), RECORD, RECORD).to_dict()))
    assert plain["differences"] == [{"file": "result.json", "name": "metrics/test/accuracy", "old": 0.9, "new": 0.5}]
    assert (plain["same"], plain["tolerance"], plain["changed"]) == (False, 0.0, [])


def test_figures_are_all_json_files_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "variant").mkdir()
    (tmp_path / "variant" / "result.json").write_text('{"a": NaN}')
    (tmp_path / "fewshot.json").write_text("[1]")
    assert list(read_figures(tmp_path)) == ["fewshot.json", "variant/result.json"]


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"RUN must be a folder that a command has written with its config\.yaml, but"):
        config_of(tmp_path)
    with pytest.raises(UsageError, match="must have figures to compare with, but there is no JSON file in"):
        read_figures(tmp_path)
    (tmp_path / "result.json").write_text('{"a": ')
    with pytest.raises(
        UsageError, match=r"The figures must be JSON, but .*result\.json is damaged \(.*\); run it anew"
    ):
        read_figures(tmp_path)
