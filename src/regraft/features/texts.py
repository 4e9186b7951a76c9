"""The pass of texts: read, look up, cut into pieces, run the encoder on texts of like length, keep."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import Skipped
from regraft.data.images import digest, read_bytes
from regraft.data.looks import SIDE, Looks
from regraft.data.texts import beginning, decode
from regraft.errors import DataError, Unreadable
from regraft.features.cache import FeatureCache, NoCache, cache_root
from regraft.features.engine_texts import batches, filled, open_text_engine, settle_text_precision
from regraft.features.engines import EngineName, engine_name
from regraft.features.extraction import Features
from regraft.features.streaming import MAXIMUM_UNREADABLE, Progress, producer

WORD_VECTORS = "word-vectors"
"""The architecture of backbones that have no network: they look words up."""

TRIED = 64
"""Texts that a faster precision is tried on."""


@dataclass
class _Texts:
    """The examples as they were read: each text once, however often it occurs.

    Parameters
    ----------
    rows : int array of shape (n,)
        Which of the texts each example is; -1: unreadable.
    texts, digests : list of str
        Of each text: itself, and the sha256 of its bytes.
    sizes, shapes : list
        Of each text: its bytes; its characters and words.
    """

    rows: np.ndarray
    texts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def looks(self) -> Looks:
        """Return the looks of the examples that could be read."""
        every = Looks(
            tuple(self.digests),
            np.array(self.sizes, np.int64),
            np.array(self.shapes, np.int64).reshape(-1, 2),
            np.zeros((len(self.texts), SIDE, SIDE, 3), np.uint8),
            tuple(map(beginning, self.texts)),
        )
        return every.take(self.rows[self.rows >= 0])


def text_features(
    examples: Sequence[Any],
    names: Sequence[str],
    backbones: Sequence[Backbone],
    *,
    engine: EngineName = "auto",
    precisions: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    looks: bool = False,
    progress: Progress | None = None,
    cache: Path | None = None,
    keep: bool = True,
) -> Features:
    """Return the features of texts; each text goes through each encoder at most once, ever.

    Parameters
    ----------
    examples : sequence of Path, bytes or str, length n
        A str is the text itself.
    names, engine, precisions, skip_unreadable, looks, progress, cache, keep
        As of `regraft.features.extraction.extract`.
    backbones : sequence of TextBackbone or WordVectorBackbone

    Raises
    ------
    DataError
        If more than 5% of the texts are unreadable and `skip_unreadable` is not set.
    UsageError
        If a package of the extra `text` is missing.
    WeightsError
        If a backbone's weights are missing or do not fit.
    """
    started = time.perf_counter()
    root, kind = cache or cache_root(), engine_name(engine)
    # Word vectors are the mean of a whole text; encoders need only its beginning in memory.
    whole = any(backbone.architecture == WORD_VECTORS for backbone in backbones)
    found = _read(examples, names, skip_unreadable, whole)
    rows = found.rows[found.rows >= 0]
    arrived = _Counter(progress, found.rows, len(found.texts), len(backbones))
    wanted = precisions if precisions is not None else ["auto"] * len(backbones)
    lanes = [_Lane(*asked, kind, found, root, keep) for asked in zip(backbones, wanted, strict=True)]
    columns = [lane.run(found, arrived)[rows] for lane in lanes]
    misses = sum(lane.misses for lane in lanes)
    return Features(
        values=np.concatenate(columns, axis=1) if columns else np.empty((len(rows), 0), np.float32),
        index=np.flatnonzero(found.rows >= 0),
        skipped=tuple(found.skipped),
        precisions=tuple(lane.precision for lane in lanes),
        widths=tuple(lane.backbone.feature_dim for lane in lanes),
        engine="+".join(dict.fromkeys(lane.ran for lane in lanes)) or kind,
        cache_hits=len(rows) * len(lanes) - misses,
        cache_misses=misses,
        seconds=time.perf_counter() - started,
        notes=tuple(dict.fromkeys(note for lane in lanes for note in lane.notes)),
        looks=found.looks() if looks else None,
    )


def _read(examples: Sequence[Any], names: Sequence[str], skip_unreadable: bool, whole: bool) -> _Texts:
    found = _Texts(np.full(len(examples), -1))
    first: dict[str, int] = {}
    for position, example in enumerate(examples):
        try:
            raw = read_bytes(example)
            text = decode(raw)
        except Unreadable as error:
            found.skipped.append(Skipped(names[position], str(error)))
            _stop_where_too_many(found.skipped, len(examples), skip_unreadable)
            continue
        named = digest(raw)
        found.rows[position] = first.setdefault(named, len(first))
        if len(first) > len(found.texts):
            found.texts.append(text if whole else beginning(text))
            found.digests.append(named)
            found.sizes.append(len(raw))
            # Counted one by one: a list of the words of a long text would take many times its size.
            found.shapes.append((len(text), sum(1 for _ in re.finditer(r"\S+", text))))
    return found


def _stop_where_too_many(skipped: list[Skipped], n: int, skip_unreadable: bool) -> None:
    if len(skipped) / n <= MAXIMUM_UNREADABLE or skip_unreadable:
        return
    listed = "; ".join(f"{one.name}: {one.reason}" for one in skipped[:3])
    raise DataError(
        f"At most 5% of the texts may be unreadable, but {len(skipped)} of {n} already are ({listed}); "
        "mend or remove them, or go on without them with --skip-unreadable."
    )


class _Counter:
    """How many examples have all their features, for those who wait."""

    def __init__(self, progress: Progress | None, rows: np.ndarray, texts: int, lanes: int) -> None:
        self.progress, self.lanes, self.n = progress, lanes, len(rows)
        self.occurs = np.bincount(rows[rows >= 0], minlength=texts)
        self.done = lanes * int((rows < 0).sum())

    def __call__(self, texts: Sequence[int]) -> None:
        """Count texts as done by one more backbone."""
        self.done += int(self.occurs[texts].sum())
        if self.progress is not None:
            self.progress(self.done // self.lanes, self.n)


class _Lane:
    """One backbone's way through the texts: its store, and its engine, opened when first needed."""

    def __init__(self, backbone: Any, wanted: str, kind: str, found: _Texts, root: Path, keep: bool) -> None:
        self.backbone, self.kind, self.root, self.keep = backbone, kind, root, keep
        self.looks_up = backbone.architecture == WORD_VECTORS
        self.ran = "lookup" if self.looks_up else kind
        sample = found.texts[:: max(1, len(found.texts) // TRIED)][:TRIED]
        self.precision = "f32" if self.looks_up else settle_text_precision(backbone, kind, wanted, sample, root)
        self.misses = 0
        self.notes: list[str] = []

    def run(self, found: _Texts, arrived: Callable[[Sequence[int]], None]) -> np.ndarray:
        """Return the features (m, d) of the texts, each looked up first."""
        values = np.empty((len(found.texts), self.backbone.feature_dim), np.float32)
        store: FeatureCache | NoCache = (
            FeatureCache(producer(self.backbone, self.precision), self.root) if self.keep else NoCache()
        )
        try:
            missing = []
            for row, named in enumerate(found.digests):
                known = store.get(named)
                if known is None:
                    missing.append(row)
                else:
                    values[row] = known
            arrived(np.setdiff1d(np.arange(len(values)), missing).tolist())
            self.misses = len(missing)

            def sink(rows: list[int], features: np.ndarray) -> None:
                values[rows] = features
                for row, vector in zip(rows, features, strict=True):
                    store.put(found.digests[row], vector)
                arrived(rows)

            if missing:
                self._compute(missing, found.texts, sink)
        finally:
            store.close()
        if store.problem:
            self.notes.append(f"{store.problem[:1].upper()}{store.problem[1:]}.")
        if self.looks_up and found.texts:
            self.notes.append(self.backbone.note(found.texts))
        return values

    def _compute(self, rows: list[int], texts: list[str], sink: Callable[[list[int], np.ndarray], None]) -> None:
        if self.looks_up:
            for start in range(0, len(rows), TRIED):
                chunk = rows[start : start + TRIED]
                sink(chunk, self.backbone.vectors([texts[row] for row in chunk]))
            return
        pieces = self.backbone.tokenize([texts[row] for row in rows])
        engine = open_text_engine(self.backbone, self.kind, self.precision, self.root)
        if engine.name != self.kind:
            self.ran = engine.name
            self.notes.append(f"OpenVINO cannot run {self.backbone.name}, so torch did, which is slower.")
        engine.start(sink)
        try:
            for batch in batches([len(found) for found in pieces], engine.batch):
                engine.submit([rows[i] for i in batch], filled([pieces[i] for i in batch], self.backbone.pad))
        finally:
            engine.finish()  # whatever happened, what is under way is kept
