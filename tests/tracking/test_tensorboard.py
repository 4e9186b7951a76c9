"""TensorBoard reads again what was logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("tensorboard")


def test_the_event_file_holds_epochs_figures_and_settings(log: Callable[..., str], fitted: Any, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    where = log("tensorboard")
    assert where == str(tmp_path / "logs" / "tensorboard" / "colours-1")
    events = EventAccumulator(where)
    events.Reload()
    losses = [(event.step, event.value) for event in events.Scalars("scratch/val_loss")]
    assert losses == [(1, 2.0), (2, 1.0)]
    [accuracy] = events.Scalars("test/accuracy")
    assert accuracy.value == pytest.approx(fitted.evaluations["test"].accuracy)
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= set(events.PluginTagToContent("hparams"))
    assert yaml.safe_load((Path(where) / "hparams.yaml").read_text()) == {
        "head": "centroid",
        "seed": 0,
        "units": [256, 128],
    }
