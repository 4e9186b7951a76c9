"""`make audit-dependencies`: it fails where an advisory is known, or where none can be asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pip_audit")

OPTIONS = ("--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off", "--vulnerability-service", "osv")
"""What `make audit-dependencies` gives to pip-audit."""

ADVISORY = {
    "id": "MADE-UP-2026-1",
    "summary": "A made-up fault",
    "affected": [
        {
            "package": {"name": "fragile", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


@pytest.fixture
def service() -> Iterator[Callable[..., str]]:
    """Return a function that starts a service of advisories on this machine, and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(advisories: dict[tuple[str, str], Any], status: int = 200) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = advisories.get((asked["package"]["name"], asked["version"]))
                body = json.dumps({} if found is None else {"vulns": [found]}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/v1/query"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Return a function that audits two made-up packages, listed as pip lists what is installed."""
    (tmp_path / "installed.txt").write_text("sound==2.0\nfragile==1.0\n")

    def run(address: str) -> subprocess.CompletedProcess[str]:
        where = ["--osv-url", address, "--cache-dir", str(tmp_path / "cache"), "--timeout", "5"]
        command = [sys.executable, "-m", "pip_audit", *OPTIONS, *where, "-r", str(tmp_path / "installed.txt")]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run


def test_it_passes_where_no_advisory_is_known(service: Callable[..., str], audited: Callable[..., Any]) -> None:
    ran = audited(service({}))
    assert (ran.returncode, "No known vulnerabilities found" in ran.stderr) == (0, True), ran.stderr


def test_it_fails_where_an_advisory_is_known(service: Callable[..., str], audited: Callable[..., Any]) -> None:
    ran = audited(service({("fragile", "1.0"): ADVISORY}))
    assert ran.returncode == 1
    assert "MADE-UP-2026-1" in ran.stdout
    assert "fragile" in ran.stdout
    assert "1.1" in ran.stdout
    assert "sound" not in ran.stdout


def test_it_fails_where_the_service_fails(service: Callable[..., str], audited: Callable[..., Any]) -> None:
    assert audited(service({}, status=500)).returncode != 0


def test_it_fails_where_there_is_no_service(audited: Callable[..., Any]) -> None:
    ran = audited("http://127.0.0.1:9/v1/query")  # the port of "discard", where nobody listens
    assert ran.returncode != 0
    assert "No known vulnerabilities found" not in ran.stderr


def test_it_fails_where_a_version_is_not_known(
    service: Callable[..., str], audited: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "installed.txt").write_text("sound==2.0\nfragile @ file:///tmp/fragile.whl\n")
    ran = audited(service({}))
    assert ran.returncode != 0
    assert "fragile" in ran.stderr


def test_these_are_the_options_of_the_makefile() -> None:
    assert f"pip-audit {' '.join(OPTIONS)} -r" in (Path(__file__).parents[1] / "Makefile").read_text()
