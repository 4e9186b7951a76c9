"""Features of single examples from engines that stay open: for a server; nothing is looked up, and nothing is kept."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data import texts
from regraft.data.images import LARGE, stored_shape
from regraft.errors import BundleError, UnreadableImage
from regraft.features.cache import cache_root
from regraft.features.engines import Engine, EngineName, engine_name, open_engine, settle_precision
from regraft.features.pixels import pixels_of

REQUESTS = 2
"""Batches that one thread has under way in one network: one is computed while the next is made."""

Prepared = dict[int, Any]
"""By the backbone's number: an image's pixels, or a text's pieces."""


class LiveFeatures:
    """The backbones of one model, ready to run, for several threads at once.

    Parameters
    ----------
    backbones : sequence of Backbone
        Their features stand side by side.
    precisions : sequence of str
        Of each backbone.
    widths : sequence of int
        Length of the features that each must give.
    max_pixels : int, optional
        Of an image, told from its header; larger ones are unreadable.
    engine : {"auto", "openvino", "torch"}
    root : Path, optional
        The cache folder, where converted networks are kept.

    Raises
    ------
    BundleError
        If a backbone gives features of another length.
    WeightsError
        If a backbone's weights are missing or do not fit.
    """

    def __init__(
        self,
        backbones: Sequence[Backbone],
        precisions: Sequence[str],
        widths: Sequence[int],
        *,
        max_pixels: int | None = None,
        engine: EngineName = "auto",
        root: Path | None = None,
    ) -> None:
        self.modality = backbones[0].modality
        self._backbones = dict(enumerate(backbones))
        self._max_pixels = max_pixels
        self._large = threading.Lock()
        self._words = threading.Lock()  # a tokenizer serves one thread at a time
        kind, place = engine_name(engine), root or cache_root()
        self._first = _Runner([_open(*asked, kind, place) for asked in zip(backbones, precisions, strict=True)])
        self._idle: LifoQueue[_Runner] = LifoQueue()
        self._idle.put(self._first)
        found = self._warm()
        if found != tuple(widths):
            raise BundleError(
                f"The head must have features of the lengths {tuple(widths)}, but its backbones give {found}; fit anew."
            )

    @property
    def batch(self) -> int:
        """How many examples go through the networks at once."""
        if self.modality == "audio":
            return 1  # a recording is several pictures itself
        return min((engine.batch for engine in self._first.engines if engine is not None), default=16)

    def prepare(self, raw: bytes) -> Prepared:
        """Decode one example, as far as a network need not be run.

        Raises
        ------
        Unreadable
            With the reason, in a few words.
        """
        if self.modality == "text":
            return self._pieces([texts.decode(raw)])
        if self.modality == "audio":
            return dict(pixels_of(raw, self._backbones, self.modality)[0])
        if not raw:
            raise UnreadableImage("empty (0 bytes)")
        height, width = stored_shape(raw)
        if self._max_pixels is not None and height * width > self._max_pixels:
            raise UnreadableImage(
                f"{width}x{height} pixels, more than the limit of {self._max_pixels / 1e6:g} million; make it smaller"
            )
        if height * width < LARGE:
            return dict(pixels_of(raw, self._backbones, self.modality)[0])
        with self._large:
            try:
                return dict(pixels_of(raw, self._backbones, self.modality)[0])
            finally:
                _give_back()

    def compute(self, prepared: Sequence[Prepared]) -> np.ndarray:
        """Return the features (n, d) of n prepared examples, n >= 1."""
        with self._runner() as runner:
            columns = runner.run(prepared, self._backbones)
        return np.concatenate(columns, axis=1)

    def _pieces(self, given: list[str]) -> Prepared:
        """Return what each encoder is shown of a text; of word vectors, the features themselves."""
        found: Prepared = {}
        with self._words:
            for number, backbone in self._backbones.items():
                encoder: Any = backbone
                if self._first.engines[number] is None:
                    found[number] = encoder.vectors(given)[0]
                else:
                    found[number] = encoder.tokenize([texts.beginning(text) for text in given])[0]
        return found

    def _warm(self) -> tuple[int, ...]:
        """Run each network once, and return how long the features are."""
        if self.modality == "text":
            prepared = self._pieces(["A text."])
        else:
            sides = {number: backbone.preprocessing.size for number, backbone in self._backbones.items()}
            prepared = {number: [np.zeros((side, side, 3), np.uint8)] for number, side in sides.items()}
        with self._runner() as runner:
            return tuple(column.shape[1] for column in runner.run([prepared], self._backbones))

    @contextmanager
    def _runner(self) -> Iterator[_Runner]:
        """Lend engines to a thread: idle ones, or new ones on the same networks, or those that come back first."""
        try:
            runner = self._idle.get_nowait()
        except Empty:
            runner = self._first.twin() or self._idle.get()
        try:
            yield runner
        except BaseException:
            # Batches of it may still be under way, which must not end up among the next one's.
            runner = self._first.twin() or runner
            raise
        finally:
            self._idle.put(runner)


def _give_back() -> None:
    """Return memory that is free to the system, where the C library keeps it for each thread that once needed it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _open(backbone: Backbone, precision: str, kind: str, root: Path) -> Engine | None:
    """Return a backbone's engine; None where words are only looked up."""
    if backbone.modality != "text":
        return open_engine(backbone, kind, settle_precision(backbone, kind, precision, [], root), root)
    from regraft.features.engine_texts import open_text_engine, settle_text_precision
    from regraft.features.texts import WORD_VECTORS

    encoder: Any = backbone
    if encoder.architecture == WORD_VECTORS:
        return None
    return open_text_engine(encoder, kind, settle_text_precision(encoder, kind, precision, [], root), root)


class _Runner:
    """One engine a backbone, for one thread at a time."""

    def __init__(self, engines: Sequence[Engine | None]) -> None:
        self.engines = engines
        self._found: dict[int, np.ndarray] = {}
        for number, engine in enumerate(engines):
            if engine is not None:
                engine.start(self._sink(number))

    def _sink(self, number: int) -> Any:
        def place(tags: list[int], values: np.ndarray) -> None:
            self._found[number][tags] = values

        return place

    def twin(self) -> _Runner | None:
        """Return other engines on the same networks; None where they cannot share one."""
        if not all(engine is None or hasattr(engine, "twin") for engine in self.engines):
            return None
        engines: Sequence[Any] = self.engines
        return _Runner([None if engine is None else engine.twin(REQUESTS) for engine in engines])

    def run(self, prepared: Sequence[Prepared], backbones: dict[int, Backbone]) -> list[np.ndarray]:
        """Return the features (n, d) by each backbone."""
        columns: list[np.ndarray] = []
        submitted = []
        try:
            for number, engine in enumerate(self.engines):
                if engine is None:
                    continue
                shown = [one[number] for one in prepared]
                submitted.append(engine)
                if backbones[number].modality == "text":
                    self._submit_texts(number, engine, shown, backbones[number])
                else:
                    self._submit_pictures(number, engine, shown)
        finally:
            for engine in submitted:
                engine.finish()
        for number, engine in enumerate(self.engines):
            if engine is None:
                columns.append(np.stack([one[number] for one in prepared]))
            elif backbones[number].modality == "text":
                columns.append(self._found.pop(number))
            else:
                columns.append(_averaged(self._found.pop(number), [len(one[number]) for one in prepared]))
        return columns

    def _submit_pictures(self, number: int, engine: Engine, shown: list[list[np.ndarray]]) -> None:
        pictures = [picture for one in shown for picture in one]
        self._found[number] = np.empty((len(pictures), engine.width), np.float32)
        for start in range(0, len(pictures), engine.batch):
            stop = min(start + engine.batch, len(pictures))
            engine.submit(list(range(start, stop)), np.stack(pictures[start:stop]))

    def _submit_texts(self, number: int, engine: Engine, shown: list[np.ndarray], backbone: Any) -> None:
        from regraft.features.engine_texts import batches, filled

        self._found[number] = np.empty((len(shown), engine.width), np.float32)
        for batch in batches([len(pieces) for pieces in shown], engine.batch):
            engine.submit(batch, filled([shown[i] for i in batch], backbone.pad))


def _averaged(values: np.ndarray, counts: list[int]) -> np.ndarray:
    """Return the mean of each example's rows: a recording has one for each of its windows."""
    if len(values) == len(counts):
        return values
    edges = np.cumsum((0, *counts))
    rows = [values[edges[i] : edges[i + 1]].mean(axis=0) for i in range(len(counts))]
    return np.stack(rows).astype(np.float32)
