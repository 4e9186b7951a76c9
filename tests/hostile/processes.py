"""The ways in, each in a process that may crash, hang or eat memory without harm: `predict`, `fit`, `serve`."""

from __future__ import annotations

import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hostile.archive_bombs import OUTSIDE
from hostile.bundles import sound_bundle
from hostile.corpus import Hostile
from hostile.entrances import is_sentence
from hostile.memory import forget_peak, held_mb, peak_mb
from hostile.wire import REFUSALS, request

FATAL_MB = 6000.0
"""What holds as much is ended at once, lest the machine be."""


class Home:
    """A folder with all that the processes may write in: their cache and temporary files; and the user's, which not.

    Parameters
    ----------
    folder : Path
        Empty; the caller removes it.
    cache : Path, optional
        Converted networks, where there are some already.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder, self.data = folder, folder / "data"
        for name in ("data", "tmp", "work", "models"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("held", "audio"):
            (folder / "models" / f"{name}.regraft").write_bytes(sound_bundle(name))
        self.environment = {
            **os.environ,
            "REGRAFT_CACHE": str(cache or folder / "cache"),
            "TMPDIR": str(folder / "tmp"),
            "HF_HUB_OFFLINE": "1",
            "TORCH_HOME": str(folder / "torch"),
            "OMP_NUM_THREADS": "1",
        }

    def strays(self) -> list[str]:
        """Return what an archive or a bundle has put where nothing may be."""
        named = [self.folder, self.folder.parent, Path("/tmp"), self.data, self.folder / "models"]
        found = [str(path) for place in named for path in place.iterdir() if OUTSIDE in path.name]
        return found + [str(path) for path in (self.folder / "work").iterdir()]


class Gone(Exception):
    """The process is there no more, or had to be ended; says why."""

    def __init__(self, outcome: str, said: str) -> None:
        super().__init__(said)
        self.outcome, self.said = outcome, said


class Worker:
    """A process of `entrances.py`.

    Parameters
    ----------
    name : {"predict", "fit"}
    home : Home
    """

    def __init__(self, name: str, home: Home) -> None:
        self.name, self._home = name, home
        self._process: subprocess.Popen[str] | None = None

    def ask(self, asked: Path, seconds: float) -> tuple[str, str, float, float]:
        """Return outcome, words, seconds and megabytes; raise `Gone` where the process crashed or hung."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps([str(asked)]) + "\n")
        process.stdin.flush()
        answer = self._answer(seconds)
        return answer["outcome"], answer["said"], answer["seconds"], answer["peak_mb"]

    def start(self) -> None:
        """Begin, and wait until it is ready."""
        self._running()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, str(Path(__file__).parent / "entrances.py"), self.name]
            self._process = subprocess.Popen(
                [*command, str(self._home.folder / "models")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self._home.folder / f"{self.name}.log").open("a"),
                text=True,
                env=self._home.environment,
                cwd=self._home.folder / "work",
            )
            self._lines: queue.Queue[str] = queue.Queue()
            threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
            self._answer(300)
        return self._process

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    def _answer(self, seconds: float) -> Any:
        assert self._process is not None
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=0.1)
                break
            except queue.Empty:
                held = held_mb(self._process.pid)
                if held > FATAL_MB:
                    self.close()
                    raise Gone("memory", f"held {held:,.0f} MB") from None
                if time.monotonic() > until:
                    self.close()
                    raise Gone("hang", f"took more than {seconds:g} s") from None
        if not line:
            code = self._process.wait()
            self.close()
            raise Gone("crash", f"the process ended with {code}")
        return json.loads(line)


class Server:
    """`regraft serve` with two models, and a client of it."""

    name = "serve"

    def __init__(self, home: Home) -> None:
        self._home = home
        self._process: subprocess.Popen[str] | None = None

    def ask(self, asked: Hostile, seconds: float) -> tuple[str, str, float, float]:
        """Send a file's request, and look whether the server is well after it."""
        process = self._running()
        forget_peak(process.pid)
        path, headers, body = request(asked)
        started = time.perf_counter()
        try:
            status, answer = self._send("POST", path, body, headers, seconds)
            took = time.perf_counter() - started
            health, _ = self._send("GET", "/healthz", None, {}, seconds)
        except TimeoutError:
            self.close()
            raise Gone("hang", f"no answer within {seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            code = process.poll()
            self.close()
            raise Gone("crash" if code is not None else "status", f"{type(error).__name__}, exit {code}") from None
        peak = peak_mb(process.pid)
        if health != 200:
            return "status", f"/healthz answers {health} after it", took, peak
        return *judged(status, answer), took, peak

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            models = [str(self._home.folder / "models" / f"{name}.regraft") for name in ("held", "audio")]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "regraft", "serve", *models, "--port", "0", "--quiet"],
                stdout=subprocess.PIPE,
                stderr=(self._home.folder / "serve.log").open("a"),
                text=True,
                env=self._home.environment,
                cwd=self._home.folder / "work",
            )
            assert self._process.stdout is not None
            said = self._process.stdout.readline()
            if " at http" not in said:
                log = (self._home.folder / "serve.log").read_text()
                raise RuntimeError(f"the server did not start: {said}{log}")
            self._address = urlsplit(said.split(" at ")[1].split()[0])
        return self._process

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=seconds)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def judged(status: int, answer: bytes) -> tuple[str, str]:
    """Return what an HTTP answer is: predictions, or a refusal with its sentence; all else is a fault."""
    try:
        said = json.loads(answer)
    except ValueError:
        return "wordless", f"{status}: {answer[:200]!r}"
    if status == 200 and isinstance(said.get("predictions"), list):
        return "answered", ""
    words = str(said.get("error", {}).get("message"))
    if status not in REFUSALS:
        return "status", f"{status}: {words}"
    return ("refused", words) if is_sentence(words) else ("wordless", f"{status}: {words}")


def convert(home: Home) -> None:
    """Convert the networks in a process of its own: that needs torch, which would hide what files take."""
    worker = Worker("predict", home)
    try:
        worker.start()
    finally:
        worker.close()
