"""A store of features by content: no image goes through the same network twice.

One SQLite file for each way of producing features (weights, preprocessing, pooling, precision);
in it, one row for each image, named by the sha256 of its bytes. SQLite's write-ahead log is what
makes it survive a kill at any moment and two writers at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FLUSH_EVERY = 256


def cache_root() -> Path:
    """Return the cache folder: `REGRAFT_CACHE`, or the platform's own place for caches."""
    chosen = os.environ.get("REGRAFT_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("regraft")


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
            if isinstance(error, sqlite3.OperationalError):
                self._give_up(error)
            else:
                self._start_anew(producer)
        except OSError as error:
            self._give_up(error)

    def _open(self, producer: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            with connection:
                connection.execute("CREATE TABLE IF NOT EXISTS features (digest TEXT PRIMARY KEY, value BLOB NOT NULL)")
                connection.execute("CREATE TABLE IF NOT EXISTS producer (json TEXT PRIMARY KEY)")
                text = json.dumps(producer, sort_keys=True)
                connection.execute("INSERT OR IGNORE INTO producer VALUES (?)", (text,))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _start_anew(self, producer: dict[str, Any]) -> None:
        """Replace a file that is no database: it is ours, and everything in it can be computed again."""
        try:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            self._open(producer)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.problem = f"the feature cache {self.path.parent} cannot be used ({error}); the job goes on without it"
        self._pending.clear()
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                pass
            self._connection = None

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
        """Keep the features (d,) of a image; they are on disk after the next flush."""
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


@dataclass(frozen=True)
class CacheEntry:
    """What one way of producing features has in the cache."""

    producer: dict[str, Any]
    images: int
    megabytes: float


def info(root: Path | None = None) -> list[CacheEntry]:
    """Return what the cache holds, the largest first."""
    entries = []
    for path in sorted(((root or cache_root()) / "features").glob("*.sqlite")):
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
            try:
                producer = json.loads(connection.execute("SELECT json FROM producer").fetchone()[0])
                count = connection.execute("SELECT count(*) FROM features").fetchone()[0]
            finally:
                connection.close()
        except (sqlite3.Error, TypeError, ValueError):
            producer, count = {"backbone": "unreadable"}, 0
        size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        entries.append(CacheEntry(producer, count, size / 1e6))
    return sorted(entries, key=lambda entry: -entry.megabytes)


def clear(root: Path | None = None) -> float:
    """Delete the features and compiled engines that this library made; return megabytes freed."""
    root = root or cache_root()
    freed = 0
    for path in (root / "features").glob("*.sqlite*"):
        freed += path.stat().st_size
        path.unlink(missing_ok=True)
    for path in (root / "engines").glob("*/f32.xml"):
        freed += sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
        shutil.rmtree(path.parent, ignore_errors=True)
    for path in (root / "engines").glob("*.json"):
        path.unlink(missing_ok=True)
    return freed / 1e6
