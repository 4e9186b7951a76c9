"""A place that a run is logged to, through one of Lightning's loggers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar


class Sink(ABC):
    """One tracker's record of one run; made before the work, so that what is wrong with it is told then.

    Parameters
    ----------
    run : str
        What the run is called there.
    folder : Path
        Beside what the run writes: a tracker that keeps files keeps them below it.

    Attributes
    ----------
    logger : lightning.pytorch.loggers.Logger
    where : str
        Where the record is.
    """

    name: ClassVar[str]
    logger: Any
    where: str

    @abstractmethod
    def __init__(self, run: str, folder: Path) -> None: ...

    def settings(self, values: Mapping[str, Any]) -> None:
        """Record what was asked for."""
        self.logger.log_hyperparams(dict(values))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Record figures of an epoch."""
        self.logger.log_metrics(dict(values), step)

    def figures(self, values: Mapping[str, float]) -> None:
        """Record the figures that the run ends with."""
        self.logger.log_metrics(dict(values))

    def keep(self, file: Path, folder: Path) -> None:  # noqa: B027  a tracker may keep no files
        """Keep a copy of a file below `folder`, where the tracker keeps files."""

    def close(self, status: str) -> None:
        """End the record: "success" or "failed"."""
        self.logger.finalize(status)
