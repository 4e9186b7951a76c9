"""Whether torchrun or SLURM's srun has started several processes, and how these speak with one voice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from regraft.errors import UsageError
from regraft.finetuning.processes import ALONE, Processes, parted

GRACE = 5.0
"""Seconds in which a launcher ends the other processes once the first has failed."""


def launched() -> Processes:
    """Return the processes that torchrun or srun has started; where it is neither, this one alone.

    Raises
    ------
    UsageError
        If the machines have different numbers of processes, or srun was not told how many there are on each.
    """
    if parted():
        return ALONE
    if "TORCHELASTIC_RUN_ID" in os.environ:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    elif int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        if "SLURM_NTASKS_PER_NODE" not in os.environ:
            raise UsageError(
                "srun must be told the number of processes on each machine, but was only told that of all; add "
                "--ntasks-per-node."
            )
        names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE")
    else:
        return ALONE
    rank, count, local_rank, local_count = (int(os.environ[name]) for name in names)
    if count % local_count:
        raise UsageError(
            f"Every machine must run as many processes as the others, but of {count} this one runs {local_count}; "
            "start the same number on each."
        )
    return Processes(rank, count, local_rank, local_count)


def check_alone(what: str) -> None:
    """Raise UsageError if several processes were started for what one does."""
    found = launched()
    if found.several:
        raise UsageError(
            f"{what} must be run by one process, but {found.count} were started; leave torchrun or srun out. "
            "Several are for `regraft fit` with --strategy finetune, scratch or auto."
        )


@contextmanager
def one_voice() -> Iterator[None]:
    """Let the first process say what all of them run into: its launcher then ends the others.

    Who is still there after a moment has an error of its own. An interruption is never its own.
    """
    first = not int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")))
    try:
        yield
    except KeyboardInterrupt:
        if not first:
            raise SystemExit(1) from None
        raise
    except Exception:
        if not first:
            time.sleep(GRACE)
        raise
