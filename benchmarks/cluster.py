"""A Ray cluster on this machine against the local engine: the rate, the numbers, and what is left after kill -9.

Embeds images of DATA (each again and again under other bytes, until there are --rows) by `regraft embed`, in turn
with `--engine local` and with `--engine ray --workers 2`, each in a fresh process with the networks converted before.
`ratio` compares whole commands, from start to end; `steady_ratio` from the first shard's file to the last one's, which
leaves out what starting a cluster takes. Then a worker is killed (SIGKILL) in the middle of a job, and in the middle of
another one the driver, whose cluster dies with it; each job must end with every row once, and the same numbers.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _machine import COMMAND, data_folder, note, own_cache, parser, positive, regraft, show, spread

TARGETS = {
    "ratio": (">=", 0.8),
    "same_numbers": (">=", 1.0),
    "killed_worker_exact": (">=", 1.0),
    "killed_driver_exact": (">=", 1.0),
}
WORKERS = 2
RAY = ("--engine", "ray", "--workers", str(WORKERS))
SHARD_ROWS = 256


def main() -> None:
    arguments = parser(__doc__, "a folder of class folders of JPEGs (default: flowers)", 3)
    arguments.add_argument("--rows", type=positive, default=5000, help="images (default: 5,000)")
    given = arguments.parse_args()
    data = data_folder(given.data, "flowers")
    values: dict[str, Any] = {"rows": given.rows, "workers": WORKERS}
    with own_cache() as folder:
        images = folder / "images"
        multiply(data, images, given.rows)
        note("converting the networks")
        warm = folder / "warm"
        multiply(data, warm, 32)
        regraft("embed", warm, "--out", folder / "warm-local", "--quiet")
        regraft("embed", warm, "--out", folder / "warm-ray", "--quiet", *RAY)
        whole: dict[str, list[float]] = {"local": [], "ray": []}
        steady: dict[str, list[float]] = {"local": [], "ray": []}
        for run in range(given.runs):
            # In turn, each first once: what else the machine does strikes both.
            for engine in ("local", "ray") if run % 2 == 0 else ("ray", "local"):
                out = folder / engine
                shutil.rmtree(out, ignore_errors=True)
                shutil.rmtree(Path(os.environ["REGRAFT_CACHE"]) / "features", ignore_errors=True)
                options = RAY if engine == "ray" else ("--engine", "local")
                finished = regraft(*embed(images, out), "--quiet", *options)
                whole[engine].append(given.rows / finished.seconds)
                steady[engine].append(rate(out))
                note(f"{engine}: {whole[engine][-1]:,.0f} images a second, {steady[engine][-1]:,.0f} once it runs")
        for engine in whole:
            values |= spread(f"{engine}_rate", whole[engine]) | spread(f"{engine}_steady_rate", steady[engine])
        pairs = zip(whole["ray"], whole["local"], strict=True), zip(steady["ray"], steady["local"], strict=True)
        values |= spread("ratio", [ray / local for ray, local in pairs[0]])
        values |= spread("steady_ratio", [ray / local for ray, local in pairs[1]])
        expected = table(folder / "local")
        values["same_numbers"] = float(exact(folder / "ray", expected))
        note("killing a worker")
        interrupted(images, folder / "killed-worker", "worker")
        values["killed_worker_exact"] = float(exact(folder / "killed-worker", expected))
        note("killing the driver")
        values["killed_driver_kept_shards"] = interrupted(images, folder / "killed-driver", "driver")
        values["killed_driver_exact"] = float(exact(folder / "killed-driver", expected))
    show(values, TARGETS, given.json)


def multiply(data: Path, folder: Path, rows: int) -> None:
    """Fill a folder with JPEGs of others, each with a comment of its own, so that no two have the same bytes."""
    files = sorted(path for path in data.rglob("*.jpg"))
    folder.mkdir()
    for number in range(rows):
        jpeg = files[number % len(files)].read_bytes()
        comment = f"copy {number}".encode()
        marker = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        (folder / f"{number:06}.jpg").write_bytes(jpeg[:2] + marker + jpeg[2:])


def embed(images: Path, out: Path) -> tuple[Any, ...]:
    return ("embed", images, "--out", out, "--shard-rows", SHARD_ROWS)


def rate(out: Path) -> float:
    """Return the images a second from the first shard's file to the last one's."""
    times = sorted(path.stat().st_mtime for path in (out / "_regraft").glob("part-*.json"))
    return SHARD_ROWS * (len(times) - 1) / (times[-1] - times[0])


def interrupted(images: Path, out: Path, victim: str) -> int:
    """Kill a worker or the driver of a job when a quarter is done; return how many shards were ready then."""
    command = [*COMMAND, *map(str, embed(images, out)), "--quiet", *RAY]
    process = subprocess.Popen(command, start_new_session=True)
    total = -(-len(list(images.iterdir())) // SHARD_ROWS)
    while len(found := list((out / "_regraft").glob("part-*.json"))) < max(1, total // 4) and process.poll() is None:
        time.sleep(0.1)
    newest = json.loads(max(found, key=lambda path: path.stat().st_mtime).read_text())
    os.kill(int(newest["worker"].rpartition(":")[2]) if victim == "worker" else process.pid, signal.SIGKILL)
    process.wait()
    if victim == "worker":
        if process.returncode:
            sys.exit(f"a job whose worker was killed must go on, but it ended with {process.returncode}")
        return len(found)
    time.sleep(5)  # until what the driver had started has gone too
    ready = len(list((out / "_regraft").glob("part-*.json")))
    regraft(*command[len(COMMAND) :])
    return ready


def table(out: Path) -> tuple[list[str], np.ndarray]:
    import pyarrow.parquet as pq

    found = pq.read_table(out).sort_by("row")
    assert found["row"].to_pylist() == list(range(found.num_rows))
    return found["name"].to_pylist(), np.array(found["features"].to_pylist(), np.float32)


def exact(out: Path, expected: tuple[list[str], np.ndarray]) -> bool:
    """Return whether a job's folder has every row once, in names and numbers as expected."""
    names, values = table(out)
    return names == expected[0] and bool(np.allclose(values, expected[1], atol=1e-4))


if __name__ == "__main__":
    main()
