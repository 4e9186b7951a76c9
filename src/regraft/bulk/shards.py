"""Shards: consecutive rows of a source that are read, computed and written as one; whole, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from regraft.errors import UnreadableImage

SHARD_ROWS = 1024
"""Rows of a shard: some seconds of work on two cores, and a file of about ten megabytes of features."""

AHEAD = 64
"""Examples that are fetched at once from where reading takes its time."""


Span = tuple[int, int, int]
"""A shard's number, its first row, and the row after its last."""


@dataclass(frozen=True)
class Examples:
    """The rows of one shard as they are read.

    Parameters
    ----------
    examples : sequence of length n
        Files, texts, or bytes that are fetched while earlier ones are computed.
    names : list of str, length n
    labels : list of str or None, length n; or None
    """

    examples: Sequence[Any]
    names: list[str]
    labels: list[str | None] | None = None


class Shard(Protocol):
    """What a worker is sent: how to read some rows, not the rows themselves."""

    @property
    def rows(self) -> int:
        """How many they are."""
        ...

    def read(self) -> Examples:
        """Return the rows; bytes that are far away come as they are asked for."""
        ...


class Source(Protocol):
    """Examples in an order that is the same whenever they are listed."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    @property
    def modality(self) -> str:
        """What they are: "image", "text" or "audio"."""
        ...

    def digest(self) -> str:
        """Return what tells this source from another one."""
        ...

    def shard(self, start: int, stop: int) -> Shard:
        """Return how to read the rows from `start` to `stop`."""
        ...


def starts(rows: int, shard_rows: int) -> range:
    """Return the first row of each shard."""
    return range(0, rows, shard_rows)


@dataclass(frozen=True)
class Lost:
    """A row whose bytes are not there, and why."""

    reason: str

    def read(self) -> Any:
        """Raise UnreadableImage, as a file does that is not there."""
        raise UnreadableImage(self.reason)


class Fetched(Sequence[Any]):
    """Examples that a thread fetches some at a time, ahead of those who ask: for each once, more or less in order.

    Parameters
    ----------
    n : int
    chunks : iterator of lists
        `AHEAD` examples each, but for the last; each is asked for one chunk early.
    """

    def __init__(self, n: int, chunks: Iterator[list[Any]]) -> None:
        self.n, self._chunks = n, chunks
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="regraft-fetch")
        self._coming: dict[int, Future[list[Any]]] = {}
        self._left: dict[int, int] = {}
        self._asked = 0

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, position: Any) -> Any:
        """Return an example; when all of a chunk have been handed out, it is let go."""
        if not 0 <= position < self.n:
            raise IndexError(position)
        chunk, place = divmod(position, AHEAD)
        last = (self.n - 1) // AHEAD
        with self._lock:
            while self._asked <= min(chunk + 1, last):
                self._coming[self._asked] = self._pool.submit(next, self._chunks)
                self._left[self._asked] = min(AHEAD, self.n - self._asked * AHEAD)
                self._asked += 1
                if self._asked > last:
                    self._pool.shutdown(wait=False)
            coming = self._coming[chunk]
            self._left[chunk] -= 1
            if not self._left[chunk]:
                del self._coming[chunk]
        return coming.result()[place]
