"""MLflow's own store on this machine holds what was logged; none of it leaves the machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.errors import RegraftError
from regraft.tracking import Tracker
from regraft.tracking.mlflow import DEFAULTS

pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def stored(uri: str, experiment: str) -> Any:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    [run] = client.search_runs([found.experiment_id])
    return client, run


def check(client: Any, run: Any, fitted: Any) -> None:
    assert (run.info.run_name, run.info.status) == ("colours-1", "FINISHED")
    assert run.data.params == {"head": "centroid", "seed": "0", "units": "[256, 128]"}
    losses = [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "scratch/val_loss")]
    assert losses == [(1, 2.0), (2, 1.0)]
    assert run.data.metrics["test/accuracy"] == fitted.evaluations["test"].accuracy
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["config.yaml", "deep"]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "deep")] == ["deep/report.html"]


def test_the_usual_store_is_mlflow_s_own(
    log: Callable[..., str], fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    assert log("mlflow") == f"sqlite:///{tmp_path / 'mlflow.db'}"
    check(*stored(f"sqlite:///{tmp_path / 'mlflow.db'}", "regraft"), fitted)
    # Neither this process nor what it starts is left with a setting that the user has not made.
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == DEFAULTS["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_users_store_and_experiment_are_heeded(
    log: Callable[..., str], fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'mine.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert log("mlflow") == uri
    check(*stored(uri, "mine"), fitted)
    assert not (tmp_path / "mlflow.db").exists()
    assert os.environ["MLFLOW_TRACKING_URI"] == uri


def test_a_store_that_cannot_be_used_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://place")
    with pytest.raises(RegraftError, match=r"mlflow must be ready before the work begins, but is not .*nonsense"):
        Tracker("mlflow")
