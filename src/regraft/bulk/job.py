"""A job as a plan of shards; what one shard's worker does; and what is left to do after an interruption."""

from __future__ import annotations

import io
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from regraft import __version__
from regraft.bulk.output import NOTES, PLAN, Output
from regraft.bulk.shards import Examples, Shard, Source, starts
from regraft.bulk.work import Opened, Work
from regraft.data.filenames import printable
from regraft.errors import UsageError
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract

SHOWN = 3
"""Unreadable examples of a shard that its marker names."""


@dataclass(frozen=True)
class Done:
    """A shard that is written: what its marker says.

    Parameters
    ----------
    shard : int
    rows, unreadable : int
        Rows of the file, and those among them that hold a reason instead of a result.
    examples : list of str
        Of the unreadable ones, with the reason.
    size : int
        Of the file in bytes.
    seconds : float
    worker : str
        Machine and process.
    """

    shard: int
    rows: int
    unreadable: int
    examples: list[str]
    size: int
    seconds: float
    worker: str


@dataclass(frozen=True)
class Job:
    """All that a worker needs beside the shard.

    Parameters
    ----------
    work : Work
    precisions : tuple of str
        Of each backbone, settled once for all workers.
    place : str
        The output.
    modality : {"image", "text", "audio"}
    width : int
        Of the features, for shards without a readable row.
    """

    work: Work
    precisions: tuple[str, ...]
    place: str
    modality: str
    width: int


def part(shard: int) -> str:
    """Return the name of a shard's file."""
    return f"part-{shard:06d}.parquet"


def marker(shard: int) -> str:
    """Return the name of the marker that says that a shard's file is complete."""
    return f"{NOTES}/part-{shard:06d}.json"


def settle(work: Opened, source: Source, engine: EngineName) -> tuple[tuple[str, ...], int]:
    """Return the precision of each backbone and the length of their features, tried on the first examples.

    Every worker computes in the same one: else the numbers would depend on who computed them.
    """
    first = source.shard(0, min(source.rows, 16)).read()
    found = extract(
        list(first.examples),
        first.names,
        work.backbones,
        engine=engine,
        precisions=work.precisions,
        skip_unreadable=True,
        keep=False,
        modality=source.modality,
    )
    width = sum(found.widths) or sum(backbone.feature_dim for backbone in work.backbones)
    return work.precisions or found.precisions, width


def plan(source: Source, work: Opened, name: str, precisions: Sequence[str], shard_rows: int) -> dict[str, Any]:
    """Return what a job is, as plain JSON values: two runs of one job have the same."""
    planned = {
        "version": 1,
        "task": name,
        "rows": source.rows,
        "shard_rows": shard_rows,
        "modality": source.modality,
        "source": source.digest(),
        **work.facts(precisions),
    }
    # As it is read again: JSON has no tuples.
    read: dict[str, Any] = json.loads(json.dumps(planned))
    return read


def take_up(output: Output, wanted: dict[str, Any]) -> list[Done]:
    """Write the plan, or find the shards that an earlier run of the same job has completed.

    Raises
    ------
    UsageError
        If the folder is another job's, or holds something else.
    """
    output.check_new()
    found = output.read_json(PLAN)
    if found is None:
        output.write_json(PLAN, {**wanted, "regraft": __version__})
        return []
    differ = sorted(key for key in wanted if found.get(key) != wanted[key])
    if differ:
        raise UsageError(
            f"--out must be a new folder or one of the same job, but {printable(output.place)} is of one with "
            f"another {' and another '.join(_TOLD.get(key, key) for key in differ)}; give what it was begun with, or "
            "choose another folder."
        )
    sizes = output.sizes()
    done = []
    for number in range(len(starts(wanted["rows"], wanted["shard_rows"]))):
        if marker(number) in sizes and part(number) in sizes:
            known = _done(output.read_json(marker(number)))
            if known is not None and known.size == sizes[part(number)]:
                done.append(known)
    return done


_TOLD = {
    "source": "set of examples",
    "rows": "number of examples",
    "shard_rows": "--shard-rows",
    "producers": "backbone or precision",
    "model": "model",
    "coverage": "--coverage",
    "task": "command",
}


def _done(values: dict[str, Any] | None) -> Done | None:
    try:
        return Done(**(values or {}))
    except TypeError:
        return None


def do_shard(
    job: Job, work: Opened, output: Output, number: int, start: int, shard: Shard, *, engine: EngineName, keep: bool
) -> Done:
    """Compute a shard and write its file, and then the marker that says so.

    Parameters
    ----------
    job : Job
    work : Opened
    output : Output
    number, start : int
        Of the shard, and of its first row.
    shard : Shard
    engine : {"auto", "openvino", "torch"}
    keep : bool
        Use this machine's cache of features.
    """
    begun = time.perf_counter()
    examples = shard.read()
    features = extract(
        examples.examples,
        examples.names,
        work.backbones,
        engine=engine,
        precisions=job.precisions,
        skip_unreadable=True,
        keep=keep,
        modality=job.modality,
    )
    content = _parquet(_table(job, work, features, examples, start), work.facts(job.precisions))
    output.write(part(number), content)
    done = Done(
        shard=number,
        rows=shard.rows,
        unreadable=len(features.skipped),
        examples=[f"{one.name}: {one.reason}" for one in features.skipped[:SHOWN]],
        size=len(content),
        seconds=round(time.perf_counter() - begun, 3),
        worker=f"{platform.node()}:{os.getpid()}",
    )
    output.write_json(marker(number), asdict(done))
    return done


def _table(job: Job, work: Opened, features: Features, examples: Examples, start: int) -> Any:
    """Return a row for each example: what was found where it could be read, and else why not."""
    import pyarrow as pa

    n = len(examples.names)
    if not len(features.index):
        features = replace(features, values=np.empty((0, job.width), np.float32))
    place = np.full(n, -1)
    place[features.index] = np.arange(len(features.index))
    rows = pa.array(place, mask=place < 0)
    reasons: list[str | None] = [None] * n
    for position, skipped in zip(np.flatnonzero(place < 0), features.skipped, strict=True):
        reasons[position] = skipped.reason
    found = work.columns(features, [examples.names[i] for i in features.index])
    return pa.table(
        {
            "row": pa.array(np.arange(start, start + n, dtype=np.int64)),
            "name": pa.array([name.encode("utf-8", "backslashreplace").decode() for name in examples.names]),
            **({} if examples.labels is None else {"label": pa.array(examples.labels, pa.string())}),
            **{name: column.take(rows) for name, column in found.items()},
            "error": pa.array(reasons, pa.string()),
        }
    )


def _parquet(table: Any, facts: dict[str, Any]) -> bytes:
    import pyarrow.parquet as pq

    about = {"regraft": json.dumps({"version": __version__, **facts})}
    content = io.BytesIO()
    # Features are noise to a compressor: it would take time and give next to nothing.
    pq.write_table(table.replace_schema_metadata(about), content, compression="zstd", use_dictionary=False)
    return content.getvalue()
