"""Predictions over HTTP: how many a second, how soon, and what happens under ten times the load.

rate          answers a second of `regraft serve` to 8 clients on loopback, each of which sends one JPEG, waits for the
              answer and sends the next, for 60 seconds in all: one server, three runs of 20.
p50_ms, p99_ms  how long a client waits for one answer.
errors        answers other than 200, and connections that broke (target 0).
offline       images a second of `Classifier.features` on the same files with the same classifier and an empty feature
              cache, before, between and after those runs.
ratio         rate / offline, the mean of its neighbours (target 0.6; the median of the runs). The clients run on the
              same processors; offline has them to itself.
overload_*    the same with 80 clients for 20 seconds, which come again at once when they are told to wait: answers of
              200 and of 503, and all else (target 0); answers of 200 a second; how long a client waits for one.
memory_*_mb   of the server's process (resident set): before any request, the most under 8 clients, the most under 80.
healthy       1 if it answers rightly after that, and ends with 0 when it is told to stop (target 1).

The server is a process of its own, started as a user would; so is the load generator; so is each offline run. The
classifier is fitted here on a few images of DATA's classes, or given with --model.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _machine import data_folder, note, own_cache, parser, positive, rounded, show, spread
from startup import command, fit_few, images_by_class

TARGETS = {
    "errors": ("<=", 0.0),
    "ratio": (">=", 0.6),
    "overload_other": ("<=", 0.0),
    "healthy": (">=", 1.0),
}

OVERLOAD = 10
"""Times the clients."""


@dataclass
class Load:
    """What came back: how long each answer of 200 took, how many there were of each status, what broke."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Answers of 200 a second."""
        return self.statuses["200"] / self.elapsed

    def percentile(self, percent: int) -> float:
        """Milliseconds."""
        return 1e3 * statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


def requests(paths: Sequence[Path]) -> list[bytes]:
    """Return what goes over the wire for each image."""
    made = []
    for path in paths:
        body = path.read_bytes()
        lines = ("POST /v1/predict HTTP/1.1", "Host: here", "Content-Type: image/jpeg", f"Content-Length: {len(body)}")
        made.append("\r\n".join((*lines, "", "")).encode() + body)
    return made


def answer(connection: socket.socket, request: bytes) -> str:
    """Send one request, read the whole answer, and return its status."""
    connection.sendall(request)
    got = b""
    while b"\r\n\r\n" not in got:
        came = connection.recv(65_536)
        if not came:
            raise ConnectionError("closed before the answer's end")
        got += came
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        came = connection.recv(65_536)
        if not came:
            raise ConnectionError("closed within the answer")
        body += came
    return head[9:12].decode()


def load(address: str, paths: Sequence[Path], clients: int, seconds: float) -> Load:
    """Send images from so many clients at once, each its next one after its answer."""
    wire, found, lock = requests(paths), Load(), threading.Lock()
    where = urlsplit(address)
    started = time.perf_counter()

    def client(number: int) -> None:
        own, position, connection = Load(), number, None
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            try:
                if connection is None:
                    connection = socket.create_connection((where.hostname, where.port or 80), timeout=60)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                status = answer(connection, wire[position % len(wire)])
            except (OSError, StopIteration) as error:
                status, connection = type(error).__name__, None
            own.statuses[status] += 1
            if status == "200":
                own.seconds.append(time.perf_counter() - before)
                position += clients
        with lock:
            found.seconds += own.seconds
            found.statuses += own.statuses

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.elapsed = time.perf_counter() - started
    return found


def offline(model: Path, paths: Sequence[Path]) -> float:
    """Return the images a second of `Classifier.features`, opening the networks not counted."""
    from regraft.classifier import Classifier

    classifier = Classifier.load(model)
    classifier.features([paths[0]])
    shutil.rmtree(Path(os.environ["REGRAFT_CACHE"]) / "features", ignore_errors=True)
    started = time.perf_counter()
    found = classifier.features(list(paths))
    seconds = time.perf_counter() - started
    if found.skipped or found.cache_hits:
        raise SystemExit(f"{len(found.skipped)} images could not be read, {found.cache_hits} were in the cache.")
    return len(paths) / seconds


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


@contextmanager
def server(model: Path, folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `regraft serve` on a free port, and yield its process and its address."""
    with (folder / "server.log").open("w") as log:
        arguments = [*command(), "serve", str(model), "--port", "0", *options]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if " at http" not in said:
                raise SystemExit(f"The server did not start: {(folder / 'server.log').read_text()}")
            yield process, said.split(" at ")[1].split()[0]
        finally:
            process.kill()
            process.wait()


def resident(pid: int) -> float:
    """Return how much memory a process holds, in 10^6 bytes."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(said.stdout) * 1024 / 1e6


def watched(pid: int, function: Callable[[], Any]) -> tuple[Any, float]:
    """Run a function, and return with its result the most memory that a process held meanwhile."""
    seen, over = [resident(pid)], threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.append(resident(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        return function(), max(seen)
    finally:
        over.set()
        thread.join()


def main() -> None:
    """Measure, and print the figures."""
    arguments = parser(__doc__, "a folder of class folders of JPEGs (default: the flowers)", runs=3)
    arguments.add_argument("--model", type=Path, help="a saved classifier (default: one is fitted on a few images)")
    arguments.add_argument("--count", type=positive, default=40, help="images a class to fit on (default: %(default)s)")
    arguments.add_argument("--clients", type=positive, default=8, help="at once (default: %(default)s)")
    arguments.add_argument("--seconds", type=positive, default=20, help="of each run (default: %(default)s)")
    arguments.add_argument(
        "--overload-seconds", type=positive, default=20, help="of ten times it (default: %(default)s)"
    )
    given = arguments.parse_args()
    classes = images_by_class(data_folder(given.data, "flowers"))
    # Of copies one: the offline pass would compute them only once.
    every = {path.read_bytes(): path for some in classes.values() for path in some}
    paths = [path for raw, path in every.items() if raw.startswith(b"\xff\xd8")]
    with own_cache() as folder:
        model = given.model or fit_few(classes, given.count, folder)
        rates, peaks = [apart(offline, model, paths)], []
        usual: list[Load] = []
        with server(model, folder) as (process, address):
            apart(load, address, paths, 2, 2)
            at_rest = resident(process.pid)
            for run in range(given.runs):
                seen, peak = watched(process.pid, lambda: apart(load, address, paths, given.clients, given.seconds))
                usual.append(seen)
                peaks.append(peak)
                rates.append(apart(offline, model, paths))
                note(
                    f"run {run + 1} of {given.runs}: offline {rates[-2]:.1f} and {rates[-1]:.1f} images a second, "
                    f"{given.clients} clients {seen.rate:.1f}, {dict(seen.statuses)}"
                )
            many = OVERLOAD * given.clients
            over, over_peak = watched(process.pid, lambda: apart(load, address, paths, many, given.overload_seconds))
            note(f"{many} clients: {over.rate:.1f} answers a second, {dict(over.statuses)}")
            afterwards = apart(load, address, paths, 1, 1)
            process.send_signal(signal.SIGTERM)
            healthy = set(afterwards.statuses) == {"200"} and process.wait(60) == 0
    together = Load([each for run in usual for each in run.seconds])
    values: dict[str, Any] = {
        **spread("rate", [run.rate for run in usual]),
        "p50_ms": rounded(together.percentile(50)),
        "p99_ms": rounded(together.percentile(99)),
        "errors": sum(run.statuses.total() - run.statuses["200"] for run in usual),
        **spread("offline", rates),
        **spread("ratio", [2 * run.rate / sum(pair) for run, pair in zip(usual, pairwise(rates), strict=True)]),
        "overload_200": over.statuses["200"],
        "overload_503": over.statuses["503"],
        "overload_other": over.statuses.total() - over.statuses["200"] - over.statuses["503"],
        "overload_rate": rounded(over.rate),
        "overload_p50_ms": rounded(over.percentile(50)),
        "overload_p99_ms": rounded(over.percentile(99)),
        "memory_before_mb": rounded(at_rest),
        "memory_usual_mb": rounded(max(peaks)),
        "memory_overload_mb": rounded(over_peak),
        "healthy": int(healthy),
        "clients": given.clients,
        "runs": given.runs,
        "seconds": given.seconds,
        "images": len(paths),
    }
    show(values, TARGETS, given.json)


if __name__ == "__main__":
    main()
