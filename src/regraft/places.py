"""Where this project keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return the cache folder: `REGRAFT_CACHE`, or the platform's own place for caches."""
    chosen = os.environ.get("REGRAFT_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("regraft")
