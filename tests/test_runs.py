"""The folder of a run: all of it or none, and never over another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from regraft.classifier import Classifier
from regraft.errors import RegraftError, UsageError
from regraft.reports import html
from regraft.runs import new_run_folder, write_run


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_run_is_the_classifier_the_report_and_the_figures(fitted: Any, tmp_path: Path) -> None:
    folder = write_run(fitted, tmp_path / "deep" / "run")
    assert folder == tmp_path / "deep" / "run"
    assert everything(tmp_path) == {
        "deep",
        *("deep/run", "deep/run/model.regraft", "deep/run/report.html", "deep/run/result.json"),
    }
    assert json.loads((folder / "result.json").read_text()) == json.loads(json.dumps(fitted.to_dict()))
    assert Classifier.load(folder / "model.regraft").classes == ("blue", "green", "red")
    page = (folder / "report.html").read_text()
    assert "18 of 18 images are classified correctly" in page
    assert "Cross-validated" in page
    assert folder.stat().st_mode & 0o777 == 0o755


def test_runs_have_names_of_their_own(fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20300102-030405")
    folders = [write_run(fitted) for _ in range(3)]
    assert [str(folder) for folder in folders] == [f"runs/colours-20300102-030405{end}" for end in ("", "-2", "-3")]
    assert new_run_folder("a b/ü:c").name == "a-b-ü-c-20300102-030405"
    assert new_run_folder("").name == "data-20300102-030405"


def test_a_run_is_never_written_over_another(fitted: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_run(fitted, tmp_path / "empty")
    before = {path: path.read_bytes() for path in (tmp_path / "empty").iterdir()}
    (tmp_path / "file").write_text("mine")
    for taken in ("empty", "file"):
        with pytest.raises(UsageError, match=f"--out must be a new or empty folder, but .*{taken} holds something; ch"):
            write_run(fitted, tmp_path / taken)
    assert {path: path.read_bytes() for path in (tmp_path / "empty").iterdir()} == before
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegraftError, match=r"where folders can be made, but .*run cannot \(.*file is a file\); choose"):
        new_run_folder("", tmp_path / "file" / "run")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(RegraftError, match="no permission to write in"):
        new_run_folder("", tmp_path / "new" / "run")
    with pytest.raises(RegraftError, match="no permission to write in"):
        new_run_folder("data")


def test_a_place_that_cannot_be_written_after_all_is_told(
    fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(RegraftError, match=r"run cannot \(Permission denied\); choose another place with --out"):
        write_run(fitted, tmp_path / "run")


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"])
def test_what_stops_the_writing_leaves_nothing(
    fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    def stopped(*arguments: object) -> None:
        raise stop

    monkeypatch.setattr(html, "write", stopped)
    with pytest.raises((RegraftError, KeyboardInterrupt)) as raised:
        write_run(fitted, tmp_path / "run")
    if isinstance(stop, OSError):
        assert "(No space left on device)" in str(raised.value)
    assert list(tmp_path.iterdir()) == []
