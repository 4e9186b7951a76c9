"""`regraft serve` as a process of its own: from its first word to its exit code."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx


def test_from_start_to_end(serving: Callable[..., Any], saved: Path, red: bytes, blue: bytes, tmp_path: Path) -> None:
    server = serving()
    assert server.said.startswith("Serving model at http://127.0.0.1:")
    with httpx.Client(base_url=server.address, timeout=60) as client:
        assert client.get("/healthz").json() == {"status": "ready", "models": 1}
        [said] = client.post("/v1/predict", content=red, headers={"Content-Type": "image/jpeg"}).json()["predictions"]
        assert said["label"] == "red"
        several = client.post("/v1/predict", files=[("image", ("private-a.jpg", red)), ("image", ("b.jpg", blue))])
        assert [each["label"] for each in several.json()["predictions"]] == ["red", "blue"]
        assert len(client.get("/v1/model").json()["sha256"]) == 64
        damaged = client.post("/v1/predict", content=red[:-2] + bytes(60) + red[-2:])
        assert damaged.status_code == 200
        folders = list((tmp_path / "tmp").iterdir())
        assert [folder.name.startswith("regraft-serve-") for folder in folders] == [True]
        assert not any(folders[0].iterdir())
    assert server.stop() == 0
    assert not any((tmp_path / "tmp").iterdir())
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["route"] for line in lines] == ["/healthz", *["/v1/predict"] * 2, "/v1/model", "/v1/predict"]
    assert lines[2]["images"] == 2 and "private" not in (tmp_path / "log").read_text()


def test_a_request_under_way_is_finished(serving: Callable[..., Any], red: bytes, tmp_path: Path) -> None:
    server = serving("--quiet")
    body = json.dumps({"images": [base64.b64encode(red).decode()] * 64}).encode()
    head = (
        f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as wire:
        wire.sendall(head.encode() + body[:-1000])
        while "regraft_requests_in_flight 1.0" not in httpx.get(f"{server.address}/metrics").text:
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.process.poll() is None
        wire.sendall(body[-1000:])
        got = b""
        while came := wire.recv(65_536):
            got += came
    assert b" 200 OK" in got[:20]
    assert len(json.loads(got.partition(b"\r\n\r\n")[2])["predictions"]) == 64
    assert server.process.wait(60) == 0
    assert not any((tmp_path / "tmp").iterdir())
    assert (tmp_path / "log").read_text() == ""


def test_clients_that_stop_half_way_harm_nobody(serving: Callable[..., Any], red: bytes) -> None:
    server = serving("--read-timeout", 0.5, "--max-requests", 3)
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    stuck, gone = (socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(2))
    stuck.sendall(head + red[:500])
    gone.sendall(head + red[:500])
    gone.close()
    answer = httpx.post(f"{server.address}/v1/predict", content=red, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200
    with stuck:
        got = b""
        while came := stuck.recv(65_536):
            got += came
        assert b" 408 " in got[:20] and b"within 0.5 seconds, but 500 bytes came" in got
    assert "regraft_requests_in_flight 0.0" in httpx.get(f"{server.address}/metrics").text
    assert server.stop(signal.SIGINT) == 0


def test_a_token_from_a_file_or_the_environment(serving: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-secret-word\n")
    for server in (serving("--token-file", tmp_path / "token"), serving(REGRAFT_TOKEN="a-secret-word")):
        models = f"{server.address}/v1/models"
        assert httpx.get(models).status_code == 401
        assert httpx.get(models, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert httpx.get(models, headers={"Authorization": "Bearer a-secret-word"}).json() == {"models": ["model"]}
        assert server.stop() == 0
    assert "secret" not in (tmp_path / "log").read_text()


def test_a_port_in_use_is_one_sentence(saved: Path, cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "regraft", "serve", str(saved), "--port", str(port)]
        environment = {**os.environ, "REGRAFT_CACHE": str(cache)}
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: Port {port} must be free") and len(ended.stderr.splitlines()) == 1
