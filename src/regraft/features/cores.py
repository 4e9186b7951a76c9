"""How many processor cores a pass over the examples may use."""

from __future__ import annotations

import os

from regraft.errors import UsageError

CORES = "REGRAFT_CORES"
"""The environment variable that limits them."""


def core_limit() -> int | None:
    """Return the number of cores that `REGRAFT_CORES` allows; None where it sets no limit.

    Raises
    ------
    UsageError
        If it is no whole number above 0.
    """
    given = os.environ.get(CORES, "").strip()
    if not given:
        return None
    if not given.isdecimal() or int(given) < 1:
        raise UsageError(f"{CORES} must be a whole number above 0, not {given!r}; unset it to use all cores.")
    return int(given)


def cores() -> int:
    """Return how many cores this process may use: all that the system gives it, or fewer by `REGRAFT_CORES`."""
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(given, core_limit() or given)
