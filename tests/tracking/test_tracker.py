"""Trackers are told of a run; what fails before the work is an error, what fails later costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import RegraftError, UsageError
from regraft.result import Epoch
from regraft.tracking import TRACKERS, Tracker
from regraft.tracking.sink import Sink

EPOCH = Epoch("from scratch · cnn3", "all", 2, 0.5, float("nan"), 0.75, 0.001, 3.0)


class Heard(Sink):
    """Remembers what it was told; fails where it is asked to."""

    name = "heard"
    made: Heard
    fails = ""
    place = ""

    def __init__(self, run: str, folder: Path) -> None:
        self.where, self.told = self.place or f"{folder}/{run}", []
        type(self).made = self
        self._fail("open")

    def _fail(self, what: str) -> None:
        if what == self.fails:
            raise OSError("No space left on device.\nAt all.")

    def settings(self, values: Mapping[str, Any]) -> None:
        self.told.append(("settings", dict(values)))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        self._fail("metrics")
        self.told.append((step, dict(values)))

    def figures(self, values: Mapping[str, float]) -> None:
        self.told.append(("figures", dict(values)))

    def keep(self, file: Path, folder: Path) -> None:
        self.told.append(file.relative_to(folder).as_posix())

    def close(self, status: str) -> None:
        self._fail("close")
        self.told.append(status)


class Other(Heard):
    name = "other"


class Found:
    """A result."""

    def to_dict(self) -> dict[str, Any]:
        return {"accuracy": 0.5, "name": "x"}


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    for sink in (Heard, Other):
        monkeypatch.setitem(TRACKERS, sink.name, sink)


def test_all_is_told_in_order(tmp_path: Path) -> None:
    for name in ("report.html", "result.json", "config.yaml", "model.regraft", "a/report.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with Tracker("heard", "heard", run="r", folder="f", settings={"head": "knn"}) as tracker:
        assert tracker.places == {"heard": "f/r"}
        tracker.epoch(EPOCH)
        tracker.log(Found(), tmp_path)
    name = "from-scratch-cnn3"
    assert Heard.made.told == [
        ("settings", {"head": "knn"}),
        (
            2,
            {
                f"{name}/train_loss": 0.5,
                f"{name}/val_accuracy": 0.75,
                f"{name}/learning_rate": 0.001,
                f"{name}/seconds": 3,
            },
        ),
        ("figures", {"accuracy": 0.5}),
        *("config.yaml", "a/report.html", "report.html", "result.json"),
        "success",
    ]
    assert tracker.places == {}


def test_a_run_that_fails_is_marked_as_failed() -> None:
    with pytest.raises(KeyboardInterrupt), Tracker("heard"):
        raise KeyboardInterrupt
    assert Heard.made.told == ["failed"]


@pytest.mark.parametrize("what", ["metrics", "close"])
def test_a_tracker_that_fails_on_the_way_is_told_and_dropped(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(Heard, "fails", what)
    monkeypatch.setattr(Other, "fails", "")
    said: list[str] = []
    with Tracker("heard", "other", say=said.append) as tracker:
        tracker.epoch(EPOCH)
        tracker.epoch(EPOCH)
        tracker.log(Found())
    assert said == ["heard is no longer told of this run (No space left on device); the run goes on."]
    assert [told[0] for told in Other.made.told[:3]] == [2, 2, "figures"]
    assert Other.made.told[-1] == "success"


def test_from_python_it_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heard, "fails", "close")
    with pytest.warns(UserWarning, match=r"heard is no longer told of this run \(No space left on device\); the run"):
        Tracker("heard").close()


def test_a_tracker_that_cannot_be_used_is_an_error_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heard, "fails", "open")
    monkeypatch.setattr(Other, "fails", "")
    words = r"heard must be ready before the work begins, but is not \(No space left on device\); mend that, or go with"
    with pytest.raises(RegraftError, match=words):
        Tracker("other", "heard")
    assert Other.made.told == ["failed"]


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heard, "place", "http://me:secret@host:5000/")
    said: list[str] = []
    tracker = Tracker("heard", say=said.append)
    assert tracker.places == {"heard": "http://host:5000/"}

    def fail(sink: Sink, status: str) -> None:
        raise ConnectionError("no answer from https://me:secret@host/api")

    monkeypatch.setattr(Heard, "close", fail)
    tracker.close()
    assert "no answer from https://host/api" in said[0]


def test_an_error_without_words_is_called_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(sink: Sink, status: str) -> None:
        raise TimeoutError

    monkeypatch.setattr(Heard, "close", fail)
    said: list[str] = []
    Tracker("heard", say=said.append).close()
    assert said == ["heard is no longer told of this run (TimeoutError); the run goes on."]


def test_unknown_names_are_guessed() -> None:
    with pytest.raises(
        UsageError, match=r"A tracker must be one of mlflow, tensorboard, wandb, .*not 'mlfow'. Did you"
    ):
        Tracker("mlfow")
    with pytest.raises(UsageError, match=r"not 'xyzzy'\.$"):
        Tracker("xyzzy")


@pytest.mark.parametrize("name", ["mlflow", "tensorboard", "wandb"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setattr("regraft._optional.find_spec", lambda module: None)
    with pytest.raises(
        UsageError, match=rf'package {name}, which is not installed; run `pip install "regraft\[{name}\]"`'
    ):
        Tracker(name, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_told_where_no_tracker_is_named() -> None:
    with Tracker() as tracker:
        tracker.epoch(EPOCH)
        tracker.log(Found())
    assert tracker.places == {}
