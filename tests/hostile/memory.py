"""How much memory a process has held at most, since it was last asked to forget; from Linux's /proc."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path


def forget_peak(pid: int | str = "self") -> None:
    """Begin to watch anew; where the system cannot, the peak remains that of all the time before."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass


def peak_mb(pid: int | str = "self") -> float:
    """Return the most memory held (resident set), in 10^6 bytes; 0 where another process cannot be looked at."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024 / 1e6
    if pid != "self":
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def held_mb(pid: int) -> float:
    """Return the memory that a process and its children hold now, in 10^6 bytes."""
    total = 0.0
    for each in _tree(pid):
        try:
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
        except (OSError, IndexError):
            continue
    return total


def _tree(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    children: list[int] = []
    for task in tasks:
        try:
            children += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return [pid, *(found for child in children for found in _tree(child))]
