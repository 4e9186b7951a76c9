"""Shards on a Ray cluster: Ray Data hands them to actors, each with a model of its own."""

from __future__ import annotations

import json
import logging
import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np

from regraft._optional import import_or_raise
from regraft.bulk.job import Done, Job, do_shard
from regraft.bulk.output import Output
from regraft.bulk.shards import Shard, Source, Span
from regraft.bulk.work import Opened
from regraft.errors import RegraftError, UsageError
from regraft.features.cores import CORES

USUAL_CORES = 4
"""Cores of a worker where nothing else is said: more in one process gain little, fewer hold more models in memory."""

TRIES = 3
"""How often a shard is tried again whose worker died: a file that kills each worker must not do so for ever."""

PATIENCE = 10
"""Seconds that a cluster may take to answer."""

OBJECTS = 256_000_000
"""Bytes of shared memory of a cluster that is started here: only shards' facts travel through it."""


class Worker:
    """An actor: a model opened once, and shard after shard through it."""

    def __init__(self, job: Job, cores: int) -> None:
        os.environ[CORES] = str(cores)
        self.job, self.output = job, Output(job.place)
        self.work: Opened | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the shards of a batch; return what their markers say, or in whose words one is refused."""
        try:
            done = [asdict(self._do(*each)) for each in batch["item"]]
        except RegraftError as error:
            # As an answer: what Ray makes of an error has pages.
            return {"done": np.array([json.dumps({"refused": str(error)})])}
        return {"done": np.array([json.dumps(one) for one in done])}

    def _do(self, number: int, start: int, shard: Shard) -> Done:
        if self.work is None:
            self.work = self.job.work.open()
        return do_shard(self.job, self.work, self.output, number, start, shard, engine="auto", keep=False)


def run_on_ray(
    job: Job,
    source: Source,
    spans: Sequence[Span],
    *,
    address: str | None = None,
    workers: int | None = None,
) -> Iterator[Done]:
    """Yield each shard when it is written, in any order.

    Parameters
    ----------
    job : Job
    source : Source
    spans : sequence of (number, start, stop)
        The shards that are left to do.
    address : str, optional
        Of the cluster, such as "auto" or "ray://head:10001"; default: `RAY_ADDRESS`, or one that is started here.
    workers : int, optional
        Actors; default: one for every 4 cores, or for every graphics card where there are any.

    Raises
    ------
    UsageError
        If Ray is not installed, the cluster cannot be reached or has fewer cores than workers.
    RegraftError
        If a worker fails.
    """
    with _connected(address) as ray:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cards = int(sum(node.get("GPU", 0) for node in nodes))
        if cards:
            # A worker to a card; the cores are shared out among them.
            count = min(workers or cards, cards)
            cores = max(1, int(sum(node.get("CPU", 0) for node in nodes)) // count)
        else:
            count, cores = share([int(node.get("CPU", 0)) for node in nodes], workers)
        count = min(count, len(spans))
        items = [(number, start, source.shard(start, stop)) for number, start, stop in spans]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shards = ray.data.from_items([{"item": item} for item in items], override_num_blocks=len(items))
            done = shards.map_batches(
                Worker,
                fn_constructor_args=(job, cores),
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=count),
                num_cpus=1 if cards else cores,
                num_gpus=1 if cards else None,
                ray_remote_args_fn=_retried,
            )
            try:
                for row in done.iter_rows():
                    yield _answer(json.loads(row["done"]))
            except ray.exceptions.RayError as error:
                raise RegraftError(
                    f"Every worker must last until its shards are written, but one failed ({_first_line(error)}); what "
                    "is written stays: mend it, and run the same command again to go on."
                ) from error


def _retried() -> dict[str, Any]:
    return {"max_restarts": -1, "max_task_retries": TRIES}


def share(nodes: Sequence[int], workers: int | None) -> tuple[int, int]:
    """Return how many workers there are, and how many cores each has.

    Parameters
    ----------
    nodes : sequence of int
        Cores of each machine.
    workers : int, optional
        How many are wanted; default: as many as have 4 cores each, or all cores of a smaller machine.

    Raises
    ------
    UsageError
        If there are more workers than cores.
    """
    total = sum(nodes)
    if total < 1:
        raise UsageError("The cluster must have a core that is free for work, but it has none; add a machine to it.")
    if workers is None:
        cores = max(1, min(USUAL_CORES, *(node for node in nodes if node)))
        return sum(node // cores for node in nodes), cores
    if workers > total:
        raise UsageError(f"--workers must be at most the {total} cores of the cluster, not {workers}; ask for fewer.")
    cores = total // workers
    while sum(node // cores for node in nodes) < workers:
        cores -= 1  # a worker does not straddle machines
    return workers, cores


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Yield Ray, connected; it is let go of afterwards unless it was connected before."""
    # Ray reports to its makers unless told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray = import_or_raise("ray", "scale")
    import_or_raise("ray.data", "scale")
    for name in ("ray", "ray.data", "ray._private"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    mine = not ray.is_initialized()
    if mine:
        _connect(ray, address)
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    here = address is None and "RAY_ADDRESS" not in os.environ
    settings: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECTS} if here else {}
    if address is not None:
        settings["address"] = address
    place = address or os.environ.get("RAY_ADDRESS") or "this machine"
    try:
        _knock(place)
        with _silent():
            ray.init(log_to_driver=False, configure_logging=False, logging_level=logging.ERROR, **settings)
    except Exception as error:  # Ray raises kinds of many modules
        raise UsageError(
            f"The Ray cluster must be within reach at {place}, but it is not ({_first_line(error)}); "
            "check --address, or leave it out to start one here."
        ) from error


def _knock(place: str) -> None:
    """Raise OSError if no one is at an address of the form HOST:PORT: Ray itself would ask for many minutes."""
    host, _, port = place.rpartition("://")[2].partition("/")[0].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what Ray's native part says while it starts off the terminal: it heeds no setting yet."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _answer(told: dict[str, Any]) -> Done:
    if "refused" in told:
        raise RegraftError(told["refused"])
    return Done(**told)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
