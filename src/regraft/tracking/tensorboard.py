"""TensorBoard: event files in `tensorboard/RUN`, beside the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regraft._optional import import_or_raise
from regraft.tracking.sink import Sink


class TensorBoard(Sink):
    """Scalars for each epoch, and a row of the table of hyper-parameters; TensorBoard keeps no other files."""

    name = "tensorboard"

    def __init__(self, run: str, folder: Path) -> None:
        import_or_raise("tensorboard", extra="tensorboard")
        from lightning.pytorch.loggers import TensorBoardLogger

        self.logger = TensorBoardLogger(folder, name=self.name, version=run, default_hp_metric=False)
        self.where = str(Path(self.logger.log_dir))
        _ = self.logger.experiment  # makes the folder, or says why it cannot
        self._settings: dict[str, Any] = {}

    def settings(self, values: Mapping[str, Any]) -> None:
        """Remember what was asked for; TensorBoard takes it with the figures."""
        self._settings = dict(values)
        self.logger.log_hyperparams(self._settings)
        self.logger.save()

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Record figures of an epoch, to be looked at at once."""
        super().metrics(values, step)
        self.logger.save()

    def figures(self, values: Mapping[str, float]) -> None:
        """Record the figures that the run ends with beside what was asked for."""
        self.logger.log_hyperparams(self._settings, dict(values), step=0)
        self.logger.save()
