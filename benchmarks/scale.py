"""Many small images through `regraft embed` to a folder: does the rate hold, and memory, and what does the cache take?

Draws --few and --many images of 96 x 96 pixels, and embeds each set with EfficientNet-Lite0 by the command line, from
an empty cache. The time of each shard's marker says when it was done, and the process's memory is looked at all the
while, so that the first tenth of the long run can be held against its last. Then looks features up in the cache, and
embeds the many images again into another folder, all from the cache.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _machine import COMMAND, note, own_cache, parser, positive, rounded, show

TARGETS = {
    "rate_last_to_first": (">=", 0.9),
    "rate_many_to_few": (">=", 0.9),
    "memory_many_to_few": ("<=", 1.2),
    "rows_exact": (">=", 1.0),
}
NETWORK = "tf_efficientnet_lite0"
SIDE = 96
LOOKED_UP = 20_000


def main() -> None:
    arguments = parser(__doc__, "not needed", None)
    arguments.add_argument("--few", type=positive, default=20_000, help="images of the short run (default: 20,000)")
    arguments.add_argument("--many", type=positive, default=200_000, help="images of the long run (default: 200,000)")
    given = arguments.parse_args()
    values: dict[str, Any] = {}
    with own_cache() as folder:
        sets = {"few": given.few, "many": given.many}
        found = {}
        for name, count in sets.items():
            note(f"drawing {count:,} images of {SIDE} x {SIDE}")
            # Other images for each run, so that nothing of one is in the cache of the other.
            draw(folder / name, count, first=0 if name == "few" else given.few)
            note(f"embedding {count:,} images")
            os.environ["REGRAFT_CACHE"] = str(folder / f"cache-{name}")
            found[name] = embed(folder / name, folder / f"features-{name}")
            values |= {f"{name}_{key}": value for key, value in found[name].items()}
            values |= {f"{name}_{key}": value for key, value in look_up(folder / f"cache-{name}").items()}
        note("embedding the many images again, from the cache")
        again = embed(folder / "many", folder / "features-again")
        values |= {f"again_{key}": again[key] for key in ("seconds", "rate", "peak_mb")}
    few, many = found["few"], found["many"]
    values["rate_last_to_first"] = rounded(many["rate_last"] / many["rate_first"])
    values["rate_many_to_few"] = rounded(many["rate"] / few["rate"])
    values["memory_many_to_few"] = rounded(many["peak_mb"] / few["peak_mb"])
    values["rows_exact"] = float(few["rows"] == given.few and many["rows"] == given.many == again["rows"])
    show(values, TARGETS, given.json)


def draw(folder: Path, count: int, first: int) -> None:
    """Write images of coarse noise, a thousand to a folder; no two are the same."""

    def some(start: int) -> None:
        place = folder / f"{start:07d}"
        place.mkdir(parents=True)
        for number in range(start, min(start + 1000, count)):
            coarse = np.random.default_rng(first + number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            picture = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(place / f"{number:07d}.jpg"), picture)

    with ThreadPoolExecutor() as pool:
        list(pool.map(some, range(0, count, 1000)))


def embed(data: Path, out: Path) -> dict[str, float]:
    """Embed a folder in a fresh process, and watch it."""
    command = [*COMMAND, "embed", str(data), "--out", str(out), "--backbone", NETWORK, "--json"]
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    memory: list[tuple[float, float]] = []
    watcher = threading.Thread(target=watch, args=(process.pid, memory))
    watcher.start()
    output, _ = process.communicate()
    seconds = time.time() - started
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    ended = json.loads(output)
    shards = sorted((out / "_regraft").glob("part-*.json"))
    marks = [(path.stat().st_mtime, json.loads(path.read_text())) for path in shards]
    times = sorted(when for when, _ in marks)
    rows = max(about["rows"] for _, about in marks)
    # The first shard's time is that of the start too, and the last one may be short: both are left out.
    tenth, last = max(1, len(times) // 10), len(times) - 2

    def rate(begin: int, end: int) -> float:
        return rounded(rows * (end - begin) / (times[end] - times[begin]))

    def held(begin: int, end: int) -> float:
        some = [mb for when, mb in memory if times[begin] <= when <= times[end]]
        return rounded(statistics.median(some or [memory[-1][1]]))

    return {
        "rows": float(sum(about["rows"] for _, about in marks)),
        "seconds": rounded(seconds),
        "rate": rate(0, last),
        "rate_first": rate(0, tenth),
        "rate_last": rate(last - tenth, last),
        "peak_mb": rounded(max(mb for _, mb in memory)),
        "early_mb": held(0, tenth),
        "late_mb": held(last - tenth, last),
        "files_mb": rounded(ended["megabytes"]),
    }


def watch(pid: int, memory: list[tuple[float, float]]) -> None:
    """Note a process's resident memory twice a second, in 10^6 bytes, until it ends."""
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        if not pages:
            return  # it has ended, and waits to be asked how
        memory.append((time.time(), pages * page / 1e6))
        time.sleep(0.5)


def look_up(cache: Path) -> dict[str, float]:
    """Return what the cache takes, and how long a look takes at something that is there."""
    import sqlite3

    from regraft.features.cache import FeatureCache, info

    [entry] = [one for one in info(cache) if one.images]
    store = FeatureCache(entry.producer, cache)
    connection = sqlite3.connect(store.path)
    digests = [row[0] for row in connection.execute("SELECT digest FROM features")]
    connection.close()
    asked = np.random.default_rng(0).permutation(digests)[:LOOKED_UP]
    started = time.perf_counter()
    for digest in asked.tolist():
        assert store.get(digest) is not None
    seconds = time.perf_counter() - started
    store.close()
    return {
        "cache_mb": rounded(entry.megabytes),
        "cache_kb_each": rounded(1000 * entry.megabytes / entry.images),
        "look_up_us": rounded(1e6 * seconds / len(asked)),
    }


if __name__ == "__main__":
    main()
