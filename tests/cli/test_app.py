"""regraft app: the page's server, from its start to its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def app(*arguments: str, **environment: str) -> Iterator[tuple[Any, str]]:
    """Start the command, and yield its process and the page's address; end what is left of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "regraft", "app", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())


def test_it_answers_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with app("--no-browser", TMPDIR=str(tmp_path)) as (process, address):
        assert b"<title>Regraft</title>" in get(address)
        assert len(json.loads(get(f"{address}/page/state"))["classes"]) == 2
        assert json.loads(get(f"{address}/healthz"))["status"] == "ready"  # the API is on the same server
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert list(tmp_path.iterdir()) == []


def test_it_opens_the_browser(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    with app(BROWSER=str(browser)) as (_, address):
        for _ in range(100):
            if seen.exists() and seen.read_text().strip():
                break
            time.sleep(0.1)
        assert seen.read_text().strip() == address


def test_a_port_in_use_is_a_sentence(cli: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = cli("app", "--no-browser", "--port", port)
    assert finished.code == 1
    assert finished.err.startswith(f"Error: Port {port} must be free, but another program listens on it")


def test_a_host_that_is_none_is_a_sentence(cli: Callable[..., Any]) -> None:
    finished = cli("app", "--no-browser", "--host", "256.256.256.256")
    assert finished.code == 1
    assert "--host must be a name or an address of this machine" in finished.err


def test_a_port_out_of_range_is_refused(cli: Callable[..., Any]) -> None:
    assert cli("app", "--port", "70000").code == 2


def test_a_missing_package_names_the_extra(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    finished = cli("app")
    assert finished.code == 2
    assert 'pip install "regraft[app]"' in finished.err
