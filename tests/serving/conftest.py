"""An app that serves the drawn colours, clients of it, and images to send."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from regraft.serving.api import create_app
from regraft.serving.settings import Settings


@pytest.fixture(scope="session")
def red(colours: Path) -> bytes:
    """Return a JPEG of the class red."""
    return (colours / "red" / "red-0-0.jpg").read_bytes()


@pytest.fixture(scope="session")
def blue(colours: Path) -> bytes:
    """Return a JPEG of the class blue."""
    return (colours / "blue" / "blue-0-0.jpg").read_bytes()


@pytest.fixture(scope="session")
def huge() -> bytes:
    """Return a PNG of 200 megapixels: a true one, of zeros, that is 200 kB."""
    target = io.BytesIO()
    Image.new("L", (20_000, 10_000)).save(target, "PNG")
    return target.getvalue()


@pytest.fixture(scope="session")
def client_of(fitted: Any) -> Iterator[Callable[..., TestClient]]:
    """Return a function that makes a client of an app of its own, with some settings."""
    with ExitStack() as stack:

        def make(models: dict[str, Any] | None = None, **settings: Any) -> TestClient:
            given = {"colours": fitted.classifier} if models is None else models
            app = create_app(given, Settings(**{"workers": 2, **settings}))
            return stack.enter_context(TestClient(app))

        yield make


@pytest.fixture(scope="session")
def client(client_of: Callable[..., TestClient]) -> TestClient:
    """Return a client of an app with the usual settings; nothing may change it."""
    return client_of()


class Running:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], said: str) -> None:
        self.process, self.said = process, said
        self.address = said.split(" at ")[1].split()[0]
        self.port = int(self.address.rpartition(":")[2])

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(sign)
        return self.process.wait(60)


@pytest.fixture
def serving(saved: Path, cache: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Return a function that starts `regraft serve`; its temporary files and its log are in tmp_path."""
    running: list[subprocess.Popen[str]] = []
    (tmp_path / "tmp").mkdir()

    def start(*arguments: object, **environment: str) -> Running:
        command = [sys.executable, "-m", "regraft", "serve", str(saved), "--port", "0", *map(str, arguments)]
        settings = {**os.environ, "REGRAFT_CACHE": str(cache), "TMPDIR": str(tmp_path / "tmp"), **environment}
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=settings)
        running.append(process)
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 120)[0], "the server says nothing"
        said = process.stdout.readline()
        assert " at http" in said, (tmp_path / "log").read_text()
        return Running(process, said)

    yield start
    for process in running:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
