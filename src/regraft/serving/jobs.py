"""What one request asks for, and the threads that do it: one bounded queue, worked off a few examples at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from regraft.classifier import Classifier, Prediction
from regraft.errors import Unreadable, UnreadableImage
from regraft.features.cores import cores
from regraft.multitask.answers import TaskPrediction
from regraft.serving.models import Served

Said = Prediction | TaskPrediction


@dataclass
class Example:
    """One example of a request.

    Parameters
    ----------
    name : str
        What the client calls it.
    raw : bytes
        Its bytes; let go of as soon as they are decoded.
    problem : str or None
        Why it cannot be read, where that is known already.
    """

    name: str
    raw: bytes
    problem: str | None = None


class Job:
    """The examples of one request, on their way through the queue; made and awaited in one event loop.

    Parameters
    ----------
    served : Served
    examples : list of Example
    coverage : float or None
        As of `Classifier.predict`.
    """

    def __init__(self, served: Served, examples: list[Example], coverage: float | None = None) -> None:
        self.served, self.examples, self.coverage = served, examples, coverage
        self.cancelled = False
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[list[Said]] = self._loop.create_future()
        self._said: list[Said | None] = [None] * len(examples)
        self._left = len(examples)
        self._lock = threading.Lock()

    def say(self, position: int, said: Said) -> None:
        """Take what is said of one example."""
        with self._lock:
            self._said[position] = said
            self._left -= 1
            whole = self._left == 0
        if whole:
            self._resolve(lambda: self.done.set_result([each for each in self._said if each is not None]))

    def fail(self, error: Exception) -> None:
        """Take that it cannot be done."""
        self._resolve(lambda: self.done.set_exception(error))

    def unreadable(self, position: int, reason: str) -> None:
        """Take that one example cannot be read."""
        name = self.examples[position].name
        if isinstance(self.served.model, Classifier):
            self.say(position, Prediction(name, None, None, {}, reason))
        else:
            self.say(position, TaskPrediction(name, {}, reason))

    def _resolve(self, finish: Any) -> None:
        def settle() -> None:
            if not self.done.done():
                finish()

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            pass  # the loop has ended, and nobody waits


Item = tuple[Job, int]


class Workers:
    """Threads that decode examples and run the networks.

    Each takes as many examples as a network runs at once, of those that wait; it never waits for more to come.

    Parameters
    ----------
    count : int, optional
        Default: one a processor, and two more.
    """

    def __init__(self, count: int | None = None) -> None:
        # Two more than compute at once: while some decode or wait for Python's lock, others keep the networks busy.
        self.count = count or cores() + 2
        self._items: deque[Item] = deque()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many examples wait."""
        return len(self._items)

    def submit(self, job: Job) -> None:
        """Queue a job's examples; its `done` is resolved when all have been looked at."""
        with self._ready:
            self._start()
            self._items.extend((job, position) for position in range(len(job.examples)))
            self._ready.notify(len(job.examples))

    def cancel(self, job: Job) -> None:
        """Drop what still waits of a job: nobody wants to know any more."""
        with self._ready:
            job.cancelled = True
            self._items = deque(item for item in self._items if item[0] is not job)

    def close(self, seconds: float = 5.0) -> None:
        """End the threads once their batch is done."""
        with self._ready:
            self._closed = True
            self._items.clear()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join(seconds)
        self._threads.clear()

    def _start(self) -> None:
        self._closed = False
        while len(self._threads) < self.count:
            thread = threading.Thread(target=self._run, name=f"regraft-worker-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self) -> None:
        while batch := self._take():
            _work(batch)
            del batch  # while this thread waits, nothing of it need stay in memory

    def _take(self) -> list[Item]:
        """Return examples of one model, a fair share of those that wait; none once it is over."""
        with self._ready:
            while not self._items:
                if self._closed:
                    return []
                self._ready.wait()
            served = self._items[0][0].served
            share = -(-len(self._items) // self.count)
            batch: list[Item] = []
            while self._items and self._items[0][0].served is served and len(batch) < min(share, served.live.batch):
                batch.append(self._items.popleft())
            return batch


def _work(batch: Sequence[Item]) -> None:
    """Do a batch; whatever goes wrong is the matter of those who asked, and the thread lives on."""
    try:
        read, prepared = _prepare(batch)
        if read:
            _answer(read, batch[0][0].served.live.compute(prepared))
    except Exception as error:
        for job, _ in batch:
            job.fail(error)


def _prepare(batch: Sequence[Item]) -> tuple[list[Item], list[Any]]:
    """Decode a batch, and return what could be read."""
    read, prepared = [], []
    for job, position in batch:
        if job.cancelled:
            continue
        example = job.examples[position]
        raw, example.raw = example.raw, b""
        try:
            if example.problem is not None:
                raise UnreadableImage(example.problem)
            prepared.append(job.served.live.prepare(raw))
            read.append((job, position))
        except Unreadable as error:
            job.unreadable(position, str(error))
        except MemoryError:
            job.unreadable(position, "not enough memory to decode it; make it smaller")
        except Exception as error:
            job.fail(error)  # the others of the batch are other people's
    return read, prepared


def _answer(items: Sequence[Item], features: Any) -> None:
    """Tell each job what is said of its examples, whose features these are."""
    coverages = dict.fromkeys(job.coverage for job, _ in items)
    for coverage in coverages:
        rows = [row for row, (job, _) in enumerate(items) if job.coverage == coverage]
        names = [items[row][0].examples[items[row][1]].name for row in rows]
        model = items[0][0].served.model
        said: list[Said]
        if isinstance(model, Classifier):
            said = [*model.name_features(features[rows], names, coverage)]
        else:
            said = [*model.answer(features[rows], names)]
        for row, one in zip(rows, said, strict=True):
            job, position = items[row]
            job.say(position, one)
