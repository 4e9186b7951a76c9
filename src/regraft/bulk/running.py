"""Features or predictions of any number of examples, as a folder of Parquet files: `embed_shards`, `predict_shards`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from regraft.backbones.lookup import AUTO
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.bulk.job import Done, Job, plan, settle, take_up
from regraft.bulk.listed import Listed
from regraft.bulk.local import run_here
from regraft.bulk.on_ray import run_on_ray
from regraft.bulk.output import Output
from regraft.bulk.shards import SHARD_ROWS, Source, Span, starts
from regraft.bulk.sources import find_source
from regraft.bulk.work import Embedding, Naming, Opened, Work
from regraft.data.modality import check_modality
from regraft.errors import DataError, UsageError
from regraft.features.streaming import MAXIMUM_UNREADABLE, Progress
from regraft.persistence import Bundle

BulkEngine = Literal["auto", "local", "openvino", "torch", "ray"]

ENGINES = ("auto", "local", "openvino", "torch", "ray")
"""What computes: a network's engine on this machine (local: whichever is faster), or a Ray cluster."""


@dataclass(frozen=True)
class Where:
    """What computes a job, and in what portions.

    Parameters
    ----------
    engine : {"auto", "local", "openvino", "torch", "ray"}
    address : str or None
        Of the Ray cluster.
    workers : int or None
        Of the Ray cluster.
    shard_rows : int

    Raises
    ------
    UsageError
        If one is out of range, or has no meaning with the engine.
    """

    engine: str
    address: str | None
    workers: int | None
    shard_rows: int

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UsageError(f"--engine must be one of {', '.join(ENGINES)}, not {self.engine!r}.")
        for option, value in {"--address": self.address, "--workers": self.workers}.items():
            if value is not None and not self.far:
                raise UsageError(
                    f"{option} is of a Ray cluster, but --engine is {self.engine}; add --engine ray, or leave it out."
                )
        for option, number in {"--workers": self.workers, "--shard-rows": self.shard_rows}.items():
            if number is not None and number < 1:
                raise UsageError(f"{option} must be a whole number above 0, not {number}.")

    @property
    def far(self) -> bool:
        """Whether a cluster computes."""
        return self.engine == "ray"

    @property
    def here(self) -> Any:
        """The engine of a network in this process."""
        return "auto" if self.engine in ("local", "ray") else self.engine


@dataclass(frozen=True)
class Written:
    """What a job left in its folder.

    Parameters
    ----------
    out : str
    rows, unreadable : int
        Rows in all files, and those among them with a reason instead of a result.
    computed : int
        Rows of this run: the others were there from an earlier one.
    shards : int
    examples : tuple of str
        Of the unreadable ones, with the reason.
    megabytes : float
        Of all files.
    seconds : float
        Of this run.
    """

    out: str
    rows: int
    unreadable: int
    computed: int
    shards: int
    examples: tuple[str, ...]
    megabytes: float
    seconds: float


def embed_shards(
    data: str | Path,
    out: str | Path,
    *,
    engine: BulkEngine = "auto",
    address: str | None = None,
    workers: int | None = None,
    shard_rows: int = SHARD_ROWS,
    column: str | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the features of any number of examples to a folder of Parquet files; a stopped job is gone on with.

    Parameters
    ----------
    data : path or URL
        As of `embed`; also Parquet files with a column of encoded bytes or of texts, and folders of either on any file
        system that fsspec knows, such as "s3://bucket/photos".
    out : path or URL
        A folder: new, empty, or of the same job, whose files that are complete are kept.
    engine : {"auto", "local", "openvino", "torch", "ray"}
        "ray" computes on a cluster, the others on all cores of this machine; "auto" and "local" take the faster one.
    address : str, optional
        Of the Ray cluster; default: `RAY_ADDRESS`, or one that is started on this machine.
    workers : int, optional
        Of the Ray cluster: actors with a model each; default: one for every 4 cores.
    shard_rows : int
        Rows of each file.
    column : str, optional
        The column of a Parquet file that holds the examples.
    backbone, weights, image_size, resize, pool, layer, pixels, skip_unreadable, progress
        As of `embed`.

    Returns
    -------
    Written

    Raises
    ------
    RegraftError
        Its children say what is wrong with the data, the request, the weights or the cluster, and what to do.
    """
    settings = {
        "names": backbone,
        "weights": weights if weights is None else str(weights),
        "image_size": image_size,
        "resize": resize,
        "pool": pool,
        "layer": layer,
        "pixels": pixels,
    }
    where = Where(engine, address, workers, shard_rows)
    source = find_source(data, column, labelled=True)
    return _run(source, Embedding(source.modality, settings), out, where, skip_unreadable, progress)


def predict_shards(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    engine: BulkEngine = "auto",
    address: str | None = None,
    workers: int | None = None,
    shard_rows: int = SHARD_ROWS,
    column: str | None = None,
    coverage: float | None = None,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write what a saved model says of any number of examples to a folder of Parquet files.

    Parameters
    ----------
    model : path
        A saved classifier, or a model of several tasks.
    data, out, engine, address, workers, shard_rows, column, skip_unreadable, progress
        As of `embed_shards`.
    coverage : float, optional
        As of `Classifier.predict`.

    Returns
    -------
    Written

    Raises
    ------
    RegraftError
        As of `embed_shards`.
    """
    where = Where(engine, address, workers, shard_rows)
    work = Naming(Bundle(model).path.read_bytes(), coverage)
    opened = work.open()
    source = find_source(data, column, modality=opened.backbones[0].modality)
    check_modality(source.modality, opened.backbones[0].modality, str(data))
    return _run(source, work, out, where, skip_unreadable, progress)


def _run(
    source: Source, work: Work, out: str | Path, where: Where, skip_unreadable: bool, progress: Progress | None
) -> Written:
    begun = time.perf_counter()
    output = Output(os.fspath(out))
    if where.far and isinstance(source, Listed):
        source.check_travels()
        source = source.absolute()
    opened = work.open()
    precisions, width = settle(opened, source, where.here)
    done = take_up(output, plan(source, opened, work.name, precisions, where.shard_rows))
    before = rows = sum(one.rows for one in done)
    unreadable = sum(one.unreadable for one in done)
    job = Job(work, precisions, output.absolute, source.modality, width)
    _stop_where_too_many(unreadable, done, source.rows, skip_unreadable)
    for one in _shards(job, opened, source, _left(source, done, where.shard_rows), where):
        done.append(one)
        rows, unreadable = rows + one.rows, unreadable + one.unreadable
        if progress is not None:
            progress(rows, source.rows)
        _stop_where_too_many(unreadable, done, source.rows, skip_unreadable)
    output.sweep()
    done.sort(key=lambda one: one.shard)
    return Written(
        out=output.place,
        rows=rows,
        unreadable=unreadable,
        computed=rows - before,
        shards=len(done),
        examples=tuple(each for one in done for each in one.examples),
        megabytes=sum(one.size for one in done) / 1e6,
        seconds=time.perf_counter() - begun,
    )


def _left(source: Source, done: list[Done], shard_rows: int) -> list[Span]:
    """Return the shards that are left to do."""
    known = {one.shard for one in done}
    return [
        (number, start, min(start + shard_rows, source.rows))
        for number, start in enumerate(starts(source.rows, shard_rows))
        if number not in known
    ]


def _shards(job: Job, opened: Opened, source: Source, spans: list[Span], where: Where) -> Iterator[Done]:
    if not spans:
        return iter(())
    if where.far:
        return run_on_ray(job, source, spans, address=where.address, workers=where.workers)
    return run_here(job, opened, source, spans, where.here)


def _stop_where_too_many(unreadable: int, done: list[Done], rows: int, skip_unreadable: bool) -> None:
    if unreadable <= MAXIMUM_UNREADABLE * rows or skip_unreadable:
        return
    listed = "; ".join([each for one in done for each in one.examples][:3])
    raise DataError(
        f"At most 5% of the examples may be unreadable, but {unreadable:,} of {rows:,} already are ({listed}); mend or "
        "remove them, or go on without them with --skip-unreadable."
    )
