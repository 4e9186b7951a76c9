"""Weights & Biases: online where the user is logged in or says so with WANDB_MODE, else in files to be sent later."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from regraft._optional import import_or_raise
from regraft.tracking.sink import Sink

PROJECT = "regraft"


class WandB(Sink):
    """A run of the project "regraft", or of the one that WANDB_PROJECT names; what is printed is not captured."""

    name = "wandb"

    def __init__(self, run: str, folder: Path) -> None:
        # It tells its makers of its own errors unless told not to.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        wandb = import_or_raise("wandb", extra="wandb")
        from lightning.pytorch.loggers import WandbLogger

        place = Path(os.environ.get("WANDB_DIR") or folder)
        place.mkdir(parents=True, exist_ok=True)
        # Asked without a connection: neither a prompt nor a word to the server.
        mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False, verify=False) else "offline")
        quiet = wandb.Settings(mode=mode, console="off", silent=True)
        project = os.environ.get("WANDB_PROJECT", PROJECT)
        made = wandb.init(name=run, project=project, dir=str(place), settings=quiet, reinit="create_new")
        self.logger = WandbLogger(experiment=made)
        self.where = str(Path(made.dir).parent) if made.offline else str(made.url)

    def figures(self, values: Mapping[str, float]) -> None:
        """Record the figures that the run ends with in its summary."""
        self.logger.experiment.summary.update(dict(values))

    def keep(self, file: Path, folder: Path) -> None:
        """Keep a copy of a file among the run's files."""
        run = self.logger.experiment
        copy = Path(run.dir) / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Left where it is, it would be linked to, and gone with the run's folder.
        shutil.copyfile(file, copy)
        run.save(str(copy), base_path=run.dir, policy="now")

    def close(self, status: str) -> None:
        """End the record; what goes to a server is sent before this returns."""
        super().close(status)
        self.logger.experiment.finish(exit_code=0 if status == "success" else 1)
