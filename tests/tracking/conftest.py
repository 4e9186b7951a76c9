"""A small run to be logged: two epochs, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.result import Epoch
from regraft.tracking import Tracker

EPOCHS = [Epoch("scratch", "all", number, 1 / number, 2 / number, 0.5, 0.001, 1.0) for number in (1, 2)]


@pytest.fixture
def log(tmp_path: Path, fitted: Any) -> Callable[..., dict[str, str]]:
    """Return a function that logs the run to a tracker and gives the tracker's place; a failure is an error."""

    def fail(sentence: str) -> None:
        raise AssertionError(sentence)

    def run(name: str) -> str:
        place = tmp_path / "run" / "deep"
        place.mkdir(parents=True)
        (place.parent / "config.yaml").write_text("seed: 0\n")
        (place / "report.html").write_text("a report")
        settings = {"head": "centroid", "seed": 0, "units": [256, 128]}
        with Tracker(name, run="colours-1", folder=tmp_path / "logs", settings=settings, say=fail) as tracker:
            for epoch in EPOCHS:
                tracker.epoch(epoch)
            tracker.log(fitted, place.parent)
            return tracker.places[name]

    return run
