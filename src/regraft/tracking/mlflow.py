"""MLflow: the store that MLFLOW_TRACKING_URI names, or MLflow's own on this machine."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from regraft._optional import import_or_raise
from regraft.tracking.sink import Sink

EXPERIMENT = "regraft"

# MLflow tells its makers of its use unless told not to, and tries a server that is down for minutes.
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""Settings of MLflow's, where the user has none of their own."""


class MLflow(Sink):
    """A run of the experiment "regraft", or of the one that MLFLOW_EXPERIMENT_NAME names."""

    name = "mlflow"

    def __init__(self, run: str, folder: Path) -> None:
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
        mlflow = import_or_raise("mlflow", extra="mlflow")
        from lightning.pytorch.loggers import MLFlowLogger

        # Both say that what is not there yet is being made.
        for noisy in ("mlflow", "alembic", "lightning.pytorch.loggers.mlflow"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        before = os.environ.get("MLFLOW_TRACKING_URI")
        self.where = mlflow.get_tracking_uri()
        self.logger = MLFlowLogger(
            os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT), run_name=run, tracking_uri=self.where
        )
        _ = self.logger.experiment  # makes the run, or says why it cannot
        # Lightning sets it for all that follows, and for what this process starts.
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before

    def keep(self, file: Path, folder: Path) -> None:
        """Keep a copy of a file among the run's artifacts."""
        inside = file.relative_to(folder).parent.as_posix()
        self.logger.experiment.log_artifact(self.logger.run_id, str(file), None if inside == "." else inside)
