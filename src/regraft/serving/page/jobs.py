"""What takes longer than a click: one piece of work at a time, in a thread, told of as it goes on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from regraft.errors import RegraftError, UsageError

log = logging.getLogger(__name__)

UNEXPECTED = (
    "Something went wrong that should not have ({kind}: {error}); your photos are still here, so try again, and "
    "report it if it happens twice."
)


class Stopped(Exception):
    """The server ends, and the work with it."""


class Job:
    """One piece of work and how far it is; whoever asks may be another browser than the one that began it.

    Parameters
    ----------
    kind : str
        Such as "audit", "fit" or "onnx".
    version : int
        Of the photos that it is about.
    """

    def __init__(self, kind: str, version: int) -> None:
        self.kind, self.version = kind, version
        self.phase = ""
        self.share: float | None = None
        self.said: list[str] = []
        self.error: str | None = None
        self.running = True
        self.stopping = threading.Event()
        self._started = time.monotonic()
        self._seconds = 0.0

    def begin(self, phase: str, share: float | None = None) -> None:
        """Say what is done now, and how much of all is done; None where nobody knows.

        Raises
        ------
        Stopped
            If the work is not wanted any more.
        """
        if self.stopping.is_set():
            raise Stopped
        self.phase, self.share = phase, share

    def progress(self, phase: str, start: float, end: float) -> Callable[[int, int], None]:
        """Return what is called with (done, total) while the work goes from one share of all to another."""

        def advance(done: int, total: int) -> None:
            self.begin(f"{phase}: {done:,} of {total:,}", start + (end - start) * done / max(total, 1))

        return advance

    def say(self, sentence: str) -> None:
        """Add a sentence about what was found."""
        self.said.append(sentence)

    @property
    def seconds(self) -> float:
        """How long it has been going on, or took."""
        return time.monotonic() - self._started if self.running else self._seconds

    def end(self, error: str | None = None) -> None:
        """Take down that it has ended, and why it failed."""
        self._seconds = self.seconds
        self.error, self.running = error, False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "running": self.running,
            "phase": self.phase,
            "share": self.share,
            "said": list(self.said),
            "seconds": round(self.seconds, 1),
            "error": self.error,
        }


class Jobs:
    """Runs one job at a time, and remembers the last one of each kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Job] = {}
        self._thread: threading.Thread | None = None

    def start(self, kind: str, version: int, work: Callable[[Job], None]) -> Job:
        """Begin a job in a thread of its own.

        Parameters
        ----------
        kind : str
        version : int
            Of the photos that it is about.
        work : callable
            Called with the job.

        Raises
        ------
        UsageError
            If another one is still running.
        """
        with self._lock:
            if (busy := self.running) is not None:
                raise UsageError(
                    f"One thing can be done at a time, and “{busy.phase or busy.kind}” is still going on; wait for it."
                )
            job = self._last[kind] = Job(kind, version)
            self._thread = threading.Thread(target=_run, args=(job, work), name=f"page-{kind}", daemon=True)
            self._thread.start()
        return job

    @property
    def running(self) -> Job | None:
        """The job that is going on."""
        return next((job for job in list(self._last.values()) if job.running), None)

    def last(self, kind: str) -> Job | None:
        """Return the last job of a kind."""
        return self._last.get(kind)

    def forget(self, kind: str) -> None:
        """Forget the last job of a kind."""
        with self._lock:
            self._last.pop(kind, None)

    def wait(self, seconds: float) -> None:
        """Wait for the job that is going on, so long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def stop(self, seconds: float) -> None:
        """Have the job that is going on end where it next can, and wait for that, so long at most."""
        if (job := self.running) is not None:
            job.stopping.set()
        self.wait(seconds)


def _run(job: Job, work: Callable[[Job], None]) -> None:
    try:
        work(job)
    except Stopped:
        job.end("The page's server was stopped.")
    except RegraftError as error:
        job.end(str(error))
    except MemoryError:
        job.end("The machine must have more free memory than is left; close other programs, or take fewer photos.")
    except OSError as error:
        job.end(f"The system refused: {error.strerror or error} ({error.filename or 'no file'}).")
    except Exception as error:  # whatever it is, the page shows a sentence and the terminal the rest
        log.exception("the page's %s failed", job.kind)
        job.end(UNEXPECTED.format(kind=type(error).__name__, error=error))
    else:
        job.end()
