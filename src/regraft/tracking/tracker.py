"""Tells experiment trackers of a run; whatever goes wrong with them, the run goes on."""

from __future__ import annotations

import difflib
import re
import textwrap
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from regraft.errors import RegraftError, UsageError
from regraft.result import Epoch
from regraft.tracking.figures import figures, named
from regraft.tracking.mlflow import MLflow
from regraft.tracking.sink import Sink
from regraft.tracking.tensorboard import TensorBoard
from regraft.tracking.wandb import WandB

TRACKERS: dict[str, type[Sink]] = {sink.name: sink for sink in (MLflow, TensorBoard, WandB)}

KEPT = ("config.yaml", "*.html", "*.json")
"""The files of a run that trackers get a copy of, where they keep files: never the images or the classifier."""


class Tracker:
    """Logs settings, epochs and figures of a run to experiment trackers, through Lightning's loggers.

    A context manager: what is left with an exception is marked as failed. A tracker that fails on the way is dropped.

    Parameters
    ----------
    *trackers : {"mlflow", "tensorboard", "wandb"}
        None, one or several.
    run : str, optional
        What the run is called there; default: the time.
    folder : path
        TensorBoard's and Weights & Biases' files are written below it.
    settings : mapping, optional
        What was asked for: the hyper-parameters.
    say : callable, optional
        Called with a sentence where a tracker fails on the way; default: a warning.

    Raises
    ------
    UsageError
        If there is no such tracker, or its package is not installed.
    RegraftError
        If a tracker cannot be used as it is set up.

    Examples
    --------
    >>> with Tracker("mlflow", settings={"strategy": "finetune"}) as tracker:
    ...     result = regraft.fit("flowers/", strategy="finetune", report=tracker.epoch)
    ...     tracker.log(result)
    """

    def __init__(
        self,
        *trackers: str,
        run: str | None = None,
        folder: str | Path = "runs",
        settings: Mapping[str, Any] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        for name in trackers:
            _check(name)
        self._say = say or (lambda sentence: warnings.warn(sentence, stacklevel=4))
        self._sinks: list[Sink] = []
        called = run or time.strftime("%Y%m%d-%H%M%S")
        try:
            for name in dict.fromkeys(trackers):
                self._sinks.append(_opened(name, called, Path(folder)))
        except RegraftError:
            self.close("failed")
            raise
        if settings:
            self._tell(lambda sink: sink.settings(settings))

    @property
    def places(self) -> dict[str, str]:
        """Where each tracker keeps the run."""
        return {sink.name: _public(sink.where) for sink in self._sinks}

    def epoch(self, epoch: Epoch) -> None:
        """Log the figures of an epoch: what `report` of `regraft.fit` takes."""
        plain = epoch.to_dict()
        step = plain.pop("epoch")
        values = {named(epoch.attempt, name): float(value) for name, value in plain.items() if isinstance(value, float)}
        self._tell(lambda sink: sink.metrics(values, step))

    def log(self, found: Any, folder: str | Path | None = None) -> None:
        """Log the figures of a result, and keep copies of its report, its figures and its options.

        Parameters
        ----------
        found : Result, or any other result with `to_dict`
        folder : path, optional
            Where `write_run` or the command line has written it.
        """
        values = figures(found.to_dict())
        self._tell(lambda sink: sink.figures(values))
        if folder is not None:
            place = Path(folder)
            files = [file for pattern in KEPT for file in sorted(place.rglob(pattern))]
            self._tell(lambda sink: _keep(sink, files, place))

    def close(self, status: str = "success") -> None:
        """End the record with "success" or "failed"; what comes later is not logged."""
        self._tell(lambda sink: sink.close(status))
        self._sinks = []

    def __enter__(self) -> Tracker:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the record, as failed where there is an exception."""
        self.close("success" if kind is None else "failed")

    def _tell(self, what: Callable[[Sink], None]) -> None:
        for sink in list(self._sinks):
            try:
                what(sink)
            except Exception as error:
                # A server that is down or a full disk must not cost the run.
                self._sinks.remove(sink)
                self._say(f"{sink.name} is no longer told of this run ({_reason(error)}); the run goes on.")


def _keep(sink: Sink, files: Sequence[Path], folder: Path) -> None:
    for file in files:
        sink.keep(file, folder)


def _check(name: str) -> None:
    if name not in TRACKERS:
        near = difflib.get_close_matches(name, TRACKERS, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"A tracker must be one of {', '.join(TRACKERS)}, not {name!r}.{guess}")


def _opened(name: str, run: str, folder: Path) -> Sink:
    try:
        return TRACKERS[name](run, folder)
    except RegraftError:
        raise
    except Exception as error:
        raise RegraftError(
            f"{name} must be ready before the work begins, but is not ({_reason(error)}); "
            f"mend that, or go without {name}."
        ) from error


def _public(text: str) -> str:
    """Return a text whose addresses have no name and password."""
    return re.sub(r"://[^/\s@]*@", "://", text)


def _reason(error: Exception) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    first = _public(next(iter(str(error).strip().splitlines()), ""))
    return textwrap.shorten(first, 200, placeholder=" ...").rstrip(".") or type(error).__name__
