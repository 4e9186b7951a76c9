"""What passes the cut, computed once: the frozen lower part's output for some views of each example, kept as bf16."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.images import digest, read_bytes
from regraft.features.cache import VIEWS, cache_root
from regraft.features.engines import engine_name, open_engine, settle_precision
from regraft.features.streaming import Progress, producer

if TYPE_CHECKING:
    from regraft.features.engines import Engine, EngineName
    from regraft.finetuning.augmentation import Augmentation
    from regraft.finetuning.sound_augmentation import SoundAugmentation

    Variation = Augmentation | SoundAugmentation

TRIED = 12
"""After twice so many images it is known how long all will take."""

KEEP = 8 * 2**30
"""Bytes of views that stay on disk; the least recently used go first."""


class TooSlow(Exception):
    """The views would take longer than they may."""

    def __init__(self, needed: float) -> None:
        super().__init__(f"{needed:.0f} s")
        self.needed = needed


@dataclass(frozen=True)
class Views:
    """What passes the cut.

    Parameters
    ----------
    values : uint16 array of shape (n, k, d)
        The upper half of each float32, which is bf16: k views of n images, flattened; perhaps a file on disk.
    hits : int
        Images found on disk; all or none.
    """

    values: np.ndarray
    hits: int

    def rows(self, index: Sequence[int] | np.ndarray, views: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return one view (b, d) float32 of each of some images."""
        found = self.values[np.asarray(index), np.asarray(views)]
        return (found.astype(np.uint32) << 16).view(np.float32)


def compute_views(
    examples: Sequence[Any],
    backbone: Backbone,
    augmentation: Variation,
    count: int,
    *,
    engine: EngineName = "auto",
    within: float = float("inf"),
    root: Path | None = None,
    progress: Progress | None = None,
) -> Views:
    """Return `count` views of each image behind the frozen part of a network.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
        Readable ones.
    backbone : Backbone
        The lower part: its `until` is the stage of the cut.
    augmentation : Augmentation or SoundAugmentation
    count : int
        k; 1 where nothing is augmented.
    engine : {"auto", "openvino", "torch"}
    within : float
        Seconds that it may take.
    root : Path, optional
        The cache folder.
    progress : callable, optional
        Called with (images done, n).

    Raises
    ------
    TooSlow
        If the first images show that it would take longer than `within`.
    """
    root = root or cache_root()
    kind = engine_name(engine)
    precision = settle_precision(backbone, kind, "auto", examples, root)
    facts = {**producer(backbone, precision), "augmentation": augmentation.to_dict(), "views": count}
    hashed = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for example in examples:
        hashed.update(digest(read_bytes(example)).encode())
    file = root / VIEWS / f"{hashed.hexdigest()[:32]}.npy"
    kept = _kept(file, len(examples), count)
    if kept is not None:
        return Views(kept, len(examples))
    running = open_engine(backbone, kind, precision, root)
    values, temporary = _room((len(examples), count, running.width), file)
    try:
        _fill(values, examples, backbone, augmentation, running, within, progress)
        if temporary is not None:
            values.flush()  # type: ignore[attr-defined]
            temporary.replace(file)
            temporary = None
            _prune(file)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return Views(values, 0)


def _kept(file: Path, n: int, count: int) -> np.ndarray | None:
    try:
        values = np.load(file, mmap_mode="r", allow_pickle=False)
        os.utime(file)
    except (OSError, ValueError, EOFError):
        return None
    return values if values.dtype == np.uint16 and values.ndim == 3 and values.shape[:2] == (n, count) else None


def _room(shape: tuple[int, int, int], file: Path) -> tuple[np.ndarray, Path | None]:
    """Return an array on disk to be filled and its file; in memory, without a file, where the disk has no room."""
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="new-", suffix=".npy", dir=file.parent)
        os.close(handle)
        temporary = Path(name)
        values = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint16, shape=shape)
        if hasattr(os, "posix_fallocate"):
            # Writing to a mapped file on a full disk would kill the process; this is refused instead.
            with temporary.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, temporary.stat().st_size)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        return np.empty(shape, np.uint16), None
    return values, temporary


def _fill(
    values: np.ndarray,
    examples: Sequence[Any],
    backbone: Backbone,
    augmentation: Variation,
    engine: Engine,
    within: float,
    progress: Progress | None,
) -> None:
    count = values.shape[1]
    flat = values.reshape(-1, values.shape[2])

    def arrive(tags: list[int], rows: np.ndarray) -> None:
        flat[tags] = as_bf16(rows)

    engine.start(arrive)
    tags: list[int] = []
    pixels: list[np.ndarray] = []
    try:
        for position, variants in enumerate(_variants(examples, backbone, augmentation, count)):
            for number, view in enumerate(variants):
                tags.append(position * count + number)
                pixels.append(view)
                if len(tags) == engine.batch:
                    engine.submit(tags, np.stack(pixels))
                    tags, pixels = [], []
            if progress is not None:
                progress(position + 1, len(examples))
            if position == TRIED:
                begun = time.monotonic()
            elif position == 2 * TRIED:
                needed = (time.monotonic() - begun) / TRIED * len(examples)
                if needed > within:
                    raise TooSlow(needed)
        if tags:
            engine.submit(tags, np.stack(pixels))
    finally:
        engine.finish()


def _variants(
    examples: Sequence[Any], backbone: Backbone, augmentation: Variation, count: int
) -> Iterator[list[np.ndarray]]:
    """Decode and vary examples on some threads, a window ahead, in order."""

    def varied(position: int) -> list[np.ndarray]:
        seeds = range(position * count, (position + 1) * count)
        return list(vary(read_bytes(examples[position]), backbone, augmentation, seeds))

    workers = max(1, min(8, os.cpu_count() or 1))
    with ThreadPoolExecutor(workers, thread_name_prefix="regraft-views") as pool:
        window = 8 * workers
        waiting = [pool.submit(varied, position) for position in range(min(window, len(examples)))]
        for position in range(len(examples)):
            variants = waiting.pop(0).result()
            if position + window < len(examples):
                waiting.append(pool.submit(varied, position + window))
            yield variants


def vary(
    raw: bytes | np.ndarray, backbone: Backbone, augmentation: Variation, seeds: Sequence[int]
) -> Iterator[np.ndarray]:
    """Yield a view (size, size, 3) uint8 of an image or a recording for each seed; of a long recording, of any window.

    Parameters
    ----------
    raw : bytes or array
        As `read_bytes` gives it.
    backbone : Backbone
    augmentation : Augmentation or SoundAugmentation
    seeds : sequence of int
    """
    if backbone.sound is None:
        pictures = [backbone.picture(raw, augmentation.short_side(backbone.preprocessing))]
    else:
        pictures = list(backbone.sound.listen(raw))
    for seed in seeds:
        yield augmentation.view(pictures[seed % len(pictures)], backbone.preprocessing, seed)


def as_bf16(rows: np.ndarray) -> np.ndarray:
    """Return float32 rows rounded to the nearest bf16, as their upper 16 bits."""
    bits = np.ascontiguousarray(rows, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _prune(newest: Path) -> None:
    """Delete the least recently used views beyond what may stay; what another process has mapped lives on for it."""
    with suppress(OSError):
        files = sorted(newest.parent.glob("*.npy"), key=lambda path: -path.stat().st_mtime)
        total = 0
        for file in files:
            total += file.stat().st_size
            if total > KEEP and file != newest and not file.name.startswith("new-"):
                file.unlink(missing_ok=True)
