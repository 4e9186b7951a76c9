"""Which images can be read at all, found out before any of them is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from regraft.data.dataset import Skipped
from regraft.data.images import decode, read_bytes
from regraft.errors import UnreadableImage


def unreadable(examples: Sequence[Any], names: Sequence[str], at_least: int) -> dict[int, Skipped]:
    """Return the images that cannot be decoded, by position.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    names : sequence of str, length n
    at_least : int
        Pixels of the short side that will be needed.
    """

    def reason(example: Any) -> str | None:
        try:
            decode(read_bytes(example), at_least)
        except UnreadableImage as error:
            return str(error)
        return None

    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1)), thread_name_prefix="regraft-read") as pool:
        reasons = list(pool.map(reason, examples))
    return {i: Skipped(names[i], why) for i, why in enumerate(reasons) if why is not None}
