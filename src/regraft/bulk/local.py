"""Shards one after the other in this process, on all its cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regraft.bulk.job import Done, Job, do_shard
from regraft.bulk.output import Output
from regraft.bulk.shards import Source, Span
from regraft.bulk.work import Opened
from regraft.features.engines import EngineName


def run_here(job: Job, work: Opened, source: Source, spans: Sequence[Span], engine: EngineName) -> Iterator[Done]:
    """Yield each shard when it is written.

    Parameters
    ----------
    job : Job
    work : Opened
    source : Source
    spans : sequence of (number, start, stop)
        The shards that are left to do.
    engine : {"auto", "openvino", "torch"}
    """
    output = Output(job.place)
    for number, start, stop in spans:
        yield do_shard(job, work, output, number, start, source.shard(start, stop), engine=engine, keep=True)
