"""Pictures to features: read, look up, decode, run the network, keep; all of it at once, streamed."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import Skipped
from regraft.data.images import decode, digest, read_bytes
from regraft.errors import DataError, UnreadableImage, UsageError
from regraft.features.cache import FeatureCache, cache_root
from regraft.features.engine_openvino import OpenVINOEngine, Sink, engine_folder, precisions as openvino_precisions
from regraft.features.engine_torch import TorchEngine, graphics_card

EngineName = Literal["auto", "openvino", "torch"]

MINIMUM_COSINE = 0.999
"""A faster precision serves only where its features agree with float32's this well."""

MAXIMUM_UNREADABLE = 0.05
"""Above this share of unreadable pictures something is wrong with the data, and the job stops."""

Progress = Callable[[int, int], None]


class Engine(Protocol):
    """What runs a network on batches of pixels."""

    name: str
    precision: str
    batch: int
    width: int

    def start(self, sink: Sink) -> None: ...

    def submit(self, tags: list[int], pixels: np.ndarray) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True)
class Features:
    """The features of the pictures that could be read, and how they came about.

    Parameters
    ----------
    values : float32 array of shape (n, d)
        One row a readable picture; the backbones' vectors side by side.
    index : int array of shape (n,)
        Position of each row's picture among the examples asked for.
    skipped : tuple of Skipped
        Pictures that could not be read, and why.
    precisions : tuple of str
        Of each backbone.
    widths : tuple of int
        Columns of each backbone.
    engine : str
        What ran the networks.
    cache_hits, cache_misses : int
        Pictures found in the cache, and pictures computed (counted once a backbone).
    seconds : float
        Wall-clock time of the pass.
    notes : tuple of str
        What the user should know: a cache that could not be used, for example.
    """

    values: np.ndarray
    index: np.ndarray
    skipped: tuple[Skipped, ...]
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    engine: str
    cache_hits: int
    cache_misses: int
    seconds: float
    notes: tuple[str, ...] = ()


def extract(
    examples: Sequence[Any],
    names: Sequence[str],
    backbones: Sequence[Backbone],
    *,
    engine: EngineName = "auto",
    precisions: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Features:
    """Return the features of pictures; each picture goes through each network at most once, ever.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    names : sequence of str, length n
        For the list of what was skipped.
    backbones : sequence of Backbone
    engine : {"auto", "openvino", "torch"}
        "auto" takes torch where there is a graphics card, OpenVINO else.
    precisions : sequence of str, optional
        Of each backbone; default: the fastest that agrees with float32.
    skip_unreadable : bool
        Go on however many pictures are unreadable.
    progress : callable, optional
        Called with (pictures done, n).
    cache : Path, optional
        The cache folder; default `cache_root()`.

    Raises
    ------
    DataError
        If more than 5% of the pictures are unreadable and `skip_unreadable` is not set.
    WeightsError
        If a backbone's weights are missing or do not fit.
    """
    started = time.perf_counter()
    root = cache or cache_root()
    kind = _engine_name(engine)
    lanes = []
    for position, backbone in enumerate(backbones):
        wanted = precisions[position] if precisions is not None else "auto"
        lanes.append(_Lane(backbone, kind, _settle_precision(backbone, kind, wanted, examples, root), root))
    run = _Pass(examples, names, lanes, skip_unreadable, progress)
    try:
        values, read = run.run()
    finally:
        for lane in lanes:
            lane.close()
    problems = dict.fromkeys(lane.store.problem for lane in lanes if lane.store.problem)
    notes = [f"{problem[:1].upper()}{problem[1:]}." for problem in problems if problem]
    return Features(
        values=values if read.all() else values[read],
        index=np.flatnonzero(read),
        skipped=tuple(run.skipped),
        precisions=tuple(lane.precision for lane in lanes),
        widths=tuple(columns.stop - columns.start for columns in run.columns),
        engine=kind,
        cache_hits=run.hits,
        cache_misses=run.misses,
        seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def _engine_name(engine: EngineName) -> str:
    if engine not in ("auto", "openvino", "torch"):
        raise UsageError(f"--engine must be auto, openvino or torch, not {engine!r}.")
    if engine != "auto":
        return engine
    return "torch" if graphics_card() else "openvino"


def available_precisions(kind: str) -> tuple[str, ...]:
    """Return the precisions of an engine on this machine, the fastest first; the last is float32."""
    if kind == "openvino":
        return openvino_precisions()
    return ("f16", "f32") if graphics_card() else ("f32",)


def producer(backbone: Backbone, precision: str) -> dict[str, Any]:
    """Return all that a picture's features depend on beside its bytes."""
    return {
        "backbone": backbone.name,
        "weights": backbone.weights.sha256(),
        "preprocessing": backbone.preprocessing.to_dict(),
        "pool": backbone.pool,
        "precision": precision,
    }


def _settle_precision(backbone: Backbone, kind: str, wanted: str, examples: Sequence[Any], root: Path) -> str:
    """Return the precision to compute in: the fastest that has shown to agree with float32 for these weights."""
    available = available_precisions(kind)
    if wanted != "auto":
        # A processor without the stored precision computes in float32, which agrees with it.
        return wanted if wanted in available else "f32"
    if len(available) == 1:
        return available[0]
    record = engine_folder(backbone, root).with_suffix(f".{kind}.json")
    try:
        return str(json.loads(record.read_text())["precision"])
    except (OSError, ValueError, KeyError):
        pass
    pixels = _sample(backbone, examples)
    if pixels is None:
        return "f32"
    exact = _run_once(_open(backbone, kind, "f32", root), pixels)
    for precision in available:
        agrees = mean_cosine(_run_once(_open(backbone, kind, precision, root), pixels), exact)
        if agrees >= MINIMUM_COSINE:
            break
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"precision": precision, "cosine": agrees}))
    except OSError:
        pass  # it will be checked again
    return precision


def mean_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean cosine between the rows of two arrays (n, d); rows without length agree, unknown ones do not."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.where(norms > 0, (a * b).sum(1) / norms, 1.0)
    return float(np.nan_to_num(cosines, nan=0.0).mean())


def _sample(backbone: Backbone, examples: Sequence[Any], count: int = 16) -> np.ndarray | None:
    """Return the pixels (<= count, size, size, 3) of the first readable pictures."""
    pixels = []
    for example in islice(examples, 8 * count):
        try:
            image = decode(read_bytes(example), backbone.preprocessing.short_side)
        except UnreadableImage:
            continue
        pixels.append(backbone.preprocessing.apply(image))
        if len(pixels) == count:
            break
    return np.stack(pixels) if pixels else None


def _run_once(engine: Engine, pixels: np.ndarray) -> np.ndarray:
    found: list[np.ndarray] = []
    engine.start(lambda tags, values: found.append(values))
    engine.submit(list(range(len(pixels))), pixels)
    engine.finish()
    return found[0]


def _open(backbone: Backbone, kind: str, precision: str, root: Path | None) -> Engine:
    if kind == "openvino":
        return OpenVINOEngine(backbone, precision, root)
    return TorchEngine(backbone, precision)


@dataclass
class _Lane:
    """One backbone's way through the pass: its store, its engine (opened when first needed), its batch."""

    backbone: Backbone
    kind: str
    precision: str
    root: Path

    def __post_init__(self) -> None:
        self.store = FeatureCache(producer(self.backbone, self.precision), self.root)
        self.engine: Engine | None = None
        self.tags: list[int] = []
        self.pixels: list[np.ndarray] = []

    def open(self, sink: Sink) -> Engine:
        if self.engine is None:
            self.engine = _open(self.backbone, self.kind, self.precision, self.root)
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
    """One picture on its way: what the cache had, and pixels for the networks that must still see it."""

    digest: str = ""
    found: dict[int, np.ndarray] = field(default_factory=dict)
    pixels: dict[int, np.ndarray] = field(default_factory=dict)
    reason: str | None = None


class _Pass:
    """One run over the examples: a few threads read and decode ahead while the engines compute."""

    def __init__(
        self,
        examples: Sequence[Any],
        names: Sequence[str],
        lanes: list[_Lane],
        skip_unreadable: bool,
        progress: Progress | None,
    ) -> None:
        self.examples, self.names, self.lanes = examples, names, lanes
        self.skip_unreadable, self.progress = skip_unreadable, progress
        self.skipped: list[Skipped] = []
        self.hits = self.misses = 0
        self.digests: dict[int, str] = {}
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
        return self.values, read

    def _prepared(self) -> Iterator[_Prepared]:
        """Prepare pictures a window ahead, and hand them out in order."""
        workers = max(1, min(16, os.cpu_count() or 1))
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
            if missing:
                pixels = [self.lanes[number].backbone.preprocessing for number in missing]
                image = decode(raw, max(wanted.short_side for wanted in pixels))
                prepared.pixels = {n: wanted.apply(image) for n, wanted in zip(missing, pixels, strict=True)}
        except UnreadableImage as error:
            return _Prepared(reason=str(error))
        return prepared

    def _take(self, position: int, prepared: _Prepared) -> None:
        if self.values is None:
            self._make_room(prepared)
        self.hits += len(prepared.found)
        self.misses += len(prepared.pixels)
        for number, values in prepared.found.items():
            self._place(number, [position], values[None])
        if prepared.pixels:
            self.digests[position] = prepared.digest
        for number, pixels in prepared.pixels.items():
            self.lanes[number].add(position, pixels, self._sink(number))

    def _arrive(self, number: int, tags: list[int], values: np.ndarray) -> None:
        """Take an engine's batch: called from the engine's own thread."""
        store = self.lanes[number].store
        for tag, row in zip(tags, values, strict=True):
            store.put(self.digests[tag], row)
        self._place(number, tags, values)

    def _place(self, number: int, tags: list[int], values: np.ndarray) -> None:
        assert self.values is not None
        self.values[tags, self.columns[number]] = values

    def _make_room(self, first: _Prepared) -> None:
        """Lay out one array for all backbones side by side, from the first picture's widths."""
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
                f"At most 5% of the pictures may be unreadable, but {len(self.skipped)} of {len(self.examples)} "
                f"already are ({listed}); mend or remove them, or go on without them with --skip-unreadable."
            )
