"""The pass of images and recordings: a few threads read, look up and decode ahead while the engines compute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import NOUNS, Skipped
from regraft.data.images import digest, read_bytes
from regraft.errors import DataError, Unreadable
from regraft.features.cache import FeatureCache, NoCache
from regraft.features.cores import cores
from regraft.features.engine_openvino import Sink
from regraft.features.engines import Engine, open_engine
from regraft.features.looks import LooksLane
from regraft.features.pixels import pixels_of

MAXIMUM_UNREADABLE = 0.05
"""Above this share of unreadable images something is wrong with the data, and the job stops."""

Progress = Callable[[int, int], None]


def producer(backbone: Backbone, precision: str) -> dict[str, Any]:
    """Return all that an image's features depend on beside its bytes."""
    return {
        "backbone": backbone.name,
        **({"modality": backbone.modality} if backbone.modality == "text" else {}),
        "weights": backbone.weights.sha256(),
        "preprocessing": backbone.preprocessing.to_dict(),
        "pool": backbone.pool,
        **({} if backbone.until is None else {"until": backbone.until}),
        **({} if backbone.layer is None else {"layer": backbone.layer}),
        **({} if backbone.sound is None else {"sound": backbone.sound.to_dict()}),
        "precision": precision,
    }


@dataclass
class Lane:
    """One backbone's way through the pass: its store, its engine (opened when first needed), its batch."""

    backbone: Backbone
    kind: str
    precision: str
    root: Path
    keep: bool = True

    def __post_init__(self) -> None:
        self.store: FeatureCache | NoCache = (
            FeatureCache(producer(self.backbone, self.precision), self.root) if self.keep else NoCache()
        )
        self.engine: Engine | None = None
        self.tags: list[int] = []
        self.pixels: list[np.ndarray] = []

    def open(self, sink: Sink) -> Engine:
        if self.engine is None:
            self.engine = open_engine(self.backbone, self.kind, self.precision, self.root)
            self.engine.start(sink)
        return self.engine

    def add(self, tag: int, pixels: np.ndarray, sink: Sink) -> None:
        self.tags.append(tag)
        self.pixels.append(pixels)
        if len(self.tags) >= self.open(sink).batch:
            self.send()

    def send(self) -> None:
        if self.engine is not None and self.tags:
            self.engine.submit(self.tags, np.stack(self.pixels))
            self.tags, self.pixels = [], []

    def finish(self) -> None:
        self.send()
        if self.engine is not None:
            self.engine.finish()

    def close(self) -> None:
        """Let the batches under way come home, whatever happened, and keep them."""
        if self.engine is not None:
            self.engine.finish()
        self.store.close()


@dataclass
class _Prepared:
    """One example on its way: what the cache had, and pixels for the networks that must still see it.

    An image is one picture; a recording is one for each of its windows, whose features are averaged.
    """

    digest: str = ""
    look: np.ndarray | None = None
    found: dict[int, np.ndarray] = field(default_factory=dict)
    pixels: dict[int, list[np.ndarray]] = field(default_factory=dict)
    reason: str | None = None


class Pass:
    """One run over the examples: a few threads read and decode ahead while the engines compute."""

    def __init__(
        self,
        examples: Sequence[Any],
        names: Sequence[str],
        lanes: list[Lane],
        skip_unreadable: bool,
        progress: Progress | None,
        looks: LooksLane | None = None,
        modality: str = "image",
    ) -> None:
        self.examples, self.names, self.lanes, self.looks = examples, names, lanes, looks
        self.skip_unreadable, self.progress, self.modality = skip_unreadable, progress, modality
        self.skipped: list[Skipped] = []
        self.hits = self.misses = 0
        self.digests: dict[int, str] = {}
        self.first: dict[str, int] = {}
        self.windows: dict[tuple[int, int], list[Any]] = {}
        self.copies: list[tuple[int, int]] = []
        self.values: np.ndarray | None = None
        self.columns: list[slice] = []

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        read = np.zeros(len(self.examples), bool)
        for position, prepared in enumerate(self._prepared()):
            if prepared.reason is None:
                read[position] = True
                self._take(position, prepared)
            else:
                self._skip(position, prepared.reason)
            if self.progress is not None:
                self.progress(position + 1, len(self.examples))
        for lane in self.lanes:
            lane.finish()
        if self.values is None:
            return np.empty((len(read), 0), np.float32), read
        for position, first in self.copies:
            self.values[position] = self.values[first]
        return self.values, read

    def _prepared(self) -> Iterator[_Prepared]:
        """Prepare images a window ahead, and hand them out in order."""
        workers = min(16, cores())
        pool = ThreadPoolExecutor(workers, thread_name_prefix="regraft-decode")
        try:
            window: deque[Future[_Prepared]] = deque()
            for position in range(len(self.examples)):
                window.append(pool.submit(self._prepare, position))
                if len(window) >= 32 * workers:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, position: int) -> _Prepared:
        try:
            raw = read_bytes(self.examples[position])
            prepared = _Prepared(digest(raw))
            missing = []
            for number, lane in enumerate(self.lanes):
                values = lane.store.get(prepared.digest)
                if values is None:
                    missing.append(number)
                else:
                    prepared.found[number] = values
            wanted = {number: self.lanes[number].backbone for number in missing}
            prepared.pixels, image = pixels_of(raw, wanted, self.modality)
            if self.looks is not None:
                found = self.looks.found(prepared.digest)
                prepared.look = self.looks.look(prepared.digest, raw, image) if found is None else found
        except Unreadable as error:
            return _Prepared(reason=str(error))
        return prepared

    def _take(self, position: int, prepared: _Prepared) -> None:
        if self.values is None:
            self._make_room(prepared)
        if self.looks is not None and prepared.look is not None:
            self.looks.place(position, prepared.digest, prepared.look)
        for number, values in prepared.found.items():
            self._place(number, [position], values[None])
        self.hits += len(prepared.found)
        if not prepared.pixels:
            return
        first = self.first.setdefault(prepared.digest, position)
        if first != position:
            # The same bytes are on their way already: their features are copied when all have arrived.
            self.hits += len(prepared.pixels)
            self.copies.append((position, first))
            return
        self.misses += len(prepared.pixels)
        self.digests[position] = prepared.digest
        for number, pictures in prepared.pixels.items():
            if len(pictures) > 1:
                self.windows[number, position] = [len(pictures), 0, 0.0]
            for pixels in pictures:
                self.lanes[number].add(position, pixels, self._sink(number))

    def _arrive(self, number: int, tags: list[int], values: np.ndarray) -> None:
        """Take an engine's batch."""
        if self.windows:
            tags, values = self._averaged(number, tags, values)
        store = self.lanes[number].store
        for tag, row in zip(tags, values, strict=True):
            store.put(self.digests[tag], row)
        self._place(number, tags, values)

    def _averaged(self, number: int, tags: list[int], values: np.ndarray) -> tuple[list[int], np.ndarray]:
        """Return the rows that are whole: of a recording of several windows, their mean once all have arrived."""
        whole: list[tuple[int, np.ndarray]] = []
        for tag, row in zip(tags, values, strict=True):
            waiting = self.windows.get((number, tag))
            if waiting is None:
                whole.append((tag, row))
                continue
            waiting[1] += 1
            waiting[2] = waiting[2] + row / waiting[0]
            if waiting[1] == waiting[0]:
                whole.append((tag, waiting[2]))
                del self.windows[number, tag]
        rows = np.array([row for _, row in whole], np.float32).reshape(len(whole), values.shape[1])
        return [tag for tag, _ in whole], rows

    def _place(self, number: int, tags: list[int], values: np.ndarray) -> None:
        assert self.values is not None
        self.values[tags, self.columns[number]] = values

    def _make_room(self, first: _Prepared) -> None:
        """Lay out one array for all backbones side by side, from the first image's widths."""
        edges = [0]
        for number, lane in enumerate(self.lanes):
            found = first.found.get(number)
            edges.append(edges[-1] + (lane.open(self._sink(number)).width if found is None else len(found)))
        self.columns = [slice(start, stop) for start, stop in pairwise(edges)]
        self.values = np.empty((len(self.examples), edges[-1]), np.float32)

    def _sink(self, number: int) -> Sink:
        return lambda tags, values: self._arrive(number, tags, values)

    def _skip(self, position: int, reason: str) -> None:
        self.skipped.append(Skipped(self.names[position], reason))
        share = len(self.skipped) / len(self.examples)
        if share > MAXIMUM_UNREADABLE and not self.skip_unreadable:
            listed = "; ".join(f"{skipped.name}: {skipped.reason}" for skipped in self.skipped[:3])
            raise DataError(
                f"At most 5% of the {NOUNS[self.modality][1]} may be unreadable, but {len(self.skipped)} of "
                f"{len(self.examples)} already are ({listed}); mend or remove them, or go on without "
                "them with --skip-unreadable."
            )
