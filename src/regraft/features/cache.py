"""A store of features by content: no image goes through the same network twice.

One SQLite file for each way of producing features (weights, preprocessing, pooling, precision);
in it, one row for each image, named by the sha256 of its bytes. SQLite's write-ahead log is what
makes it survive a kill at any moment and two writers at once.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.places import cache_root as cache_root

FLUSH_EVERY = 256

PATIENCE = 60
"""Seconds to wait for another writer."""

VIEWS = "views"
"""The folder of what passes a cut, one file for each set of images and way of varying them."""

VECTORS = "vectors"
"""The folder of word vectors in a form that can be mapped."""

SOURCES = "sources"
"""The folder of what networks knew before: their own classifiers, and the names of their classes."""

# What this library writes: a file of features; a folder of one network's graphs, or one left behind half-made
# by a kill, with the processor's own forms of them below it and notes of which have run; and a note of the precision
# settled on.
_FEATURES = re.compile(r"[0-9a-f]{32}\.sqlite(-wal|-shm|-journal)?")
_ENGINE = re.compile(r"[0-9a-f]{32}|new-\w+")
_GRAPH = re.compile(r"(f32|bf16|bf16-12)\.(xml|bin|ran)|\d+\.blob")
_VIEWS = re.compile(r"([0-9a-f]{32}|new-\w+)\.npy")
_SOURCE = re.compile(r"([0-9a-f]{32}|new-\w+)\.npz")
_VECTORS = re.compile(r"([0-9a-f]{32}|new-\w+)\.safetensors")
_SETTLED = re.compile(r"[0-9a-f]{32}\.(openvino|torch|training-[\w.]+)\.json")


def source_folder() -> Path:
    """Return the folder of what networks knew before."""
    return cache_root() / SOURCES


def fingerprint(producer: dict[str, Any]) -> str:
    """Return the hex digest that names a way of producing features."""
    return hashlib.sha256(json.dumps(producer, sort_keys=True).encode()).hexdigest()[:32]


class FeatureCache:
    """Features by the digest of the image, for one way of producing them.

    A cache that cannot be read or written never stops a job: it turns itself off and says why in `problem`.

    Parameters
    ----------
    producer : dict
        What makes the features: weights' sha256, preprocessing, pooling, precision. Plain JSON values.
    root : Path, optional
        The cache folder; default `cache_root()`.
    """

    def __init__(self, producer: dict[str, Any], root: Path | None = None) -> None:
        self.problem: str | None = None
        self._pending: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.path = (root or cache_root()) / "features" / f"{fingerprint(producer)}.sqlite"
        try:
            self._open(producer)
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self._start_anew(producer)
            else:
                self._give_up(error)
        except OSError as error:
            self._give_up(error)

    def _open(self, producer: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + PATIENCE
        while self._connection is None:
            # Immediate transactions wait for another writer; deferred ones can fail at once.
            connection = sqlite3.connect(
                self.path, timeout=PATIENCE, check_same_thread=False, isolation_level="IMMEDIATE"
            )
            try:
                _prepare(connection, producer)
            except BaseException as error:
                connection.close()
                # Turning the write-ahead log on does not wait for another process that does the same.
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                self._connection = connection

    def _start_anew(self, producer: dict[str, Any]) -> None:
        """Replace a file that is no database: it is ours, and everything in it can be computed again."""
        try:
            self._delete()
            self._open(producer)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _give_up(self, error: Exception) -> None:
        self.problem = f"the feature cache {self.path.parent} cannot be used ({error}); the job goes on without it"
        self._pending.clear()
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if _is_damage(error):
            with suppress(OSError):
                self._delete()  # so that the next job starts anew

    def get(self, digest: str) -> np.ndarray | None:
        """Return the features (d,) float32 of the image with this digest, or None."""
        with self._lock:
            if self._connection is None:
                return None
            try:
                row = self._connection.execute("SELECT value FROM features WHERE digest = ?", (digest,)).fetchone()
            except sqlite3.Error as error:
                self._give_up(error)
                return None
        return None if row is None else np.frombuffer(row[0], np.float32)

    def put(self, digest: str, values: np.ndarray) -> None:
        """Keep the features (d,) of an image; they are on disk after the next flush."""
        with self._lock:
            if self._connection is None:
                return
            self._pending.append((digest, np.ascontiguousarray(values, np.float32).tobytes()))
            if len(self._pending) >= FLUSH_EVERY:
                self._flush()

    def _flush(self) -> None:
        if self._connection is None or not self._pending:
            return
        try:
            with self._connection:
                self._connection.executemany("INSERT OR IGNORE INTO features VALUES (?, ?)", self._pending)
            self._pending.clear()
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        with self._lock:
            self._flush()
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class NoCache:
    """What stands for a cache where nothing is to be looked up or kept."""

    problem: str | None = None

    def get(self, digest: str) -> np.ndarray | None:
        """Return None: nothing is there."""
        return None

    def put(self, digest: str, values: np.ndarray) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """There is nothing to let go of."""


def _is_damage(error: Exception) -> bool:
    """Return whether the file is no sound database; a full disk or a lock is another matter."""
    return type(error) is sqlite3.DatabaseError


def _prepare(connection: sqlite3.Connection, producer: dict[str, Any]) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS features (digest TEXT PRIMARY KEY, value BLOB NOT NULL)")
        connection.execute("CREATE TABLE IF NOT EXISTS producer (json TEXT PRIMARY KEY)")
        connection.execute("INSERT OR IGNORE INTO producer VALUES (?)", (json.dumps(producer, sort_keys=True),))


def _is_busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True)
class CacheEntry:
    """What one way of producing features has in the cache."""

    producer: dict[str, Any]
    images: int
    megabytes: float


def info(root: Path | None = None) -> list[CacheEntry]:
    """Return what the cache holds, the largest first."""
    entries = []
    for path in _named(_FEATURES, (root or cache_root()) / "features"):
        if path.suffix != ".sqlite":
            continue
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
            try:
                producer = json.loads(connection.execute("SELECT json FROM producer").fetchone()[0])
                count = connection.execute("SELECT count(*) FROM features").fetchone()[0]
            finally:
                connection.close()
        except (sqlite3.Error, TypeError, ValueError):
            producer, count = {"backbone": "unreadable"}, 0
        size = sum(_size(file) for file in path.parent.glob(f"{path.name}*"))
        entries.append(CacheEntry(producer, count, size / 1e6))
    return sorted(entries, key=lambda entry: -entry.megabytes)


def clear(root: Path | None = None) -> float:
    """Delete the features and compiled networks that this library made, and nothing else; return megabytes freed."""
    root = root or cache_root()
    engines = [folder for folder in _named(_ENGINE, root / "engines") if not folder.is_symlink()]
    folders = [folder / "compiled" for folder in engines] + engines
    files = [*_named(_FEATURES, root / "features"), *_named(_SETTLED, root / "engines")]
    files += _named(_VECTORS, root / VECTORS)
    files += [*_named(_VIEWS, root / VIEWS), *_named(_SOURCE, root / SOURCES)]
    files += [file for folder in folders for file in _named(_GRAPH, folder)]
    freed = 0
    for file in files:
        size = _size(file)
        with suppress(OSError):  # in use, or not ours to delete
            file.unlink()
            freed += size
    for folder in folders:
        with suppress(OSError):  # not empty: there is something in it that we did not make
            folder.rmdir()
    return freed / 1e6


def _named(pattern: re.Pattern[str], folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if pattern.fullmatch(path.name))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # another process was first to delete it
        return 0
