"""The processes that train one network together: which of them this one is, and what they tell each other.

They are started with the same command, and go the same way until the training is over. What could send them different
ways, such as a measured time, is settled by the first of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import RegraftError, UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

PATIENCE = timedelta(hours=2)
"""The longest that a process waits for another: for the features of many images, which one of a machine computes."""

_parted = False


@dataclass(frozen=True)
class Processes:
    """Which of some processes this one is; as it comes, the only one.

    Parameters
    ----------
    rank, count : int
        Of all processes.
    local_rank, local_count : int
        Of those on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the one that speaks, and writes."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.count > 1

    def check(self, strategy: str, batch_size: int, budget: float | None) -> None:
        """Raise UsageError for what several processes cannot do together."""
        if not self.several:
            return
        if strategy == "probe":
            raise UsageError(
                f"--strategy probe must be run by one process, since it trains no network, but {self.count} were "
                "started; leave torchrun or srun out, or use --strategy finetune."
            )
        if budget is not None:
            raise UsageError(
                f"--budget must be left out where several processes train together, but {self.count} were started; "
                "use --epochs."
            )
        if batch_size < self.count:
            raise UsageError(
                f"--batch-size must be at least the number of processes, which share each batch, {self.count}, not "
                f"{batch_size}; raise it, or start fewer."
            )

    def join(self) -> None:
        """Meet the others.

        Raises
        ------
        UsageError
            If a machine has fewer GPUs than processes.
        RegraftError
            If they cannot reach each other.
        """
        if not self.several:
            return
        import torch

        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if 0 < gpus < self.local_count:
            raise UsageError(
                f"The processes on a machine must be as many as its GPUs at most, {gpus}, not {self.local_count}; "
                "start fewer."
            )
        if gpus:
            torch.cuda.set_device(self.local_rank)
        environment = self.environment()
        # torchrun has set both; under SLURM, Lightning takes them from the machines' names and the job's number.
        place = f"{environment.main_address}:{environment.main_port}"
        try:
            torch.distributed.init_process_group(
                "cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE, rank=self.rank, world_size=self.count
            )
        except (RuntimeError, ValueError) as error:
            raise RegraftError(
                f"The {self.count} processes must reach each other at {place}, but process {self.rank} cannot "
                f"({_line(error)}); open that port between the machines, or choose another by MASTER_PORT."
            ) from error

    def environment(self) -> Any:
        """Return what Lightning is to know about the processes."""
        from lightning.fabric.plugins.environments import (
            LightningEnvironment,
            SLURMEnvironment,
            TorchElasticEnvironment,
        )

        if not self.several:
            return LightningEnvironment()
        by_torchrun = TorchElasticEnvironment.detect()
        return TorchElasticEnvironment() if by_torchrun else SLURMEnvironment(auto_requeue=False)

    def agree(self, value: float) -> float:
        """Return what the first process says."""
        if not self.several:
            return value
        import torch

        said = torch.tensor([value], dtype=torch.float64)
        self._together(torch.distributed.broadcast, said, 0)
        return float(said)

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if not self.several:
            return values
        import torch

        found = values.clone()
        self._together(torch.distributed.all_reduce, found)
        return found

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows (n, ...) of all processes, one process after the other; each may have another number."""
        if not self.several:
            return rows
        import torch

        lengths = torch.zeros(self.count, dtype=torch.int64)
        lengths[self.rank] = len(rows)
        lengths = self.total(lengths)
        padded = rows.new_zeros(int(lengths.max()), *rows.shape[1:])
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in range(self.count)]
        self._together(torch.distributed.all_gather, found, padded)
        return torch.cat([part[:n] for part, n in zip(found, lengths.tolist(), strict=True)])

    def share_weights(self, module: nn.Module) -> None:
        """Give a module the weights and statistics that it has in the first process."""
        if not self.several:
            return
        import torch

        for tensor in (*module.parameters(), *module.buffers()):
            whole = tensor.data.contiguous()  # in another order of its axes it could not be sent
            self._together(torch.distributed.broadcast, whole, 0)
            tensor.data.copy_(whole)

    def check_alike(self, facts: Mapping[str, str]) -> None:
        """Raise UsageError, in all processes, unless these facts are the same in all."""
        if not self.several:
            return
        import torch

        digests = [hashlib.sha256(value.encode()).digest() for value in facts.values()]
        found = self.gather(torch.frombuffer(bytearray(b"".join(digests)), dtype=torch.uint8)[None])
        of_each = found.view(self.count, len(facts), -1)
        alike = (of_each == of_each[0]).all(2)
        if not alike.all():
            rank = int((~alike.all(1)).nonzero()[0])
            other = [name for name, same in zip(facts, alike[rank].tolist(), strict=True) if not same]
            raise UsageError(
                f"All processes must train alike, but process {rank} has another {' and another '.join(other)} than "
                "the first; give each machine the same data, weights and options."
            )

    def check_found(self, file: Path, found: bool) -> None:
        """Raise UsageError, in all processes, if some find a file and others do not."""
        import torch

        finders = int(self.total(torch.tensor(int(found))))
        if 0 < finders < self.count:
            raise UsageError(
                f"--resume must name a folder that every process sees, but {finders} of {self.count} find {file}; put "
                "it where all machines reach it."
            )

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let one process of each machine go first: what it leaves in the cache is there for the others."""
        if self.local_rank:
            self.agree(0)
        yield
        if not self.local_rank:
            self.agree(0)

    def part(self) -> None:
        """Let the first process go on alone; the others end here.

        Raises
        ------
        SystemExit
            In all processes but the first.
        """
        global _parted
        if not self.several:
            return
        import torch

        self.agree(0)
        torch.distributed.destroy_process_group()
        _parted = True
        if not self.first:
            raise SystemExit(0)

    def _together(self, step: Callable[..., Any], *arguments: Any) -> None:
        try:
            step(*arguments)
        except RuntimeError as error:
            raise lost(error) from error


ALONE = Processes()


def parted() -> bool:
    """Return whether the processes have trained together, and this one goes on alone."""
    return _parted


def is_lost(error: RuntimeError) -> bool:
    """Return whether an error says that another process does not answer any more."""
    import torch

    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def lost(error: BaseException) -> RegraftError:
    """Return the error to raise where another process does not answer any more."""
    return RegraftError(
        f"All processes must stay until the training is over, but one has gone ({_line(error)}); see what it said, and "
        "start them all again, with --resume."
    )


def _line(error: BaseException) -> str:
    """Return the first sentence of an error, without the place in torch's source where it arose."""
    sentence = re.sub(r"^\[\S*\] ", "", str(error)).splitlines() or [type(error).__name__]
    return sentence[0].split(". ")[0]
