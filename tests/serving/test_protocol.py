"""The wire: heads that end, refused bodies that are borne with for a while, and signals."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from regraft.serving import protocol
from regraft.serving.protocol import Connection, Server


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer /early before the body is read, /large with 50 MB, and all else after the body with its length."""
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = b"x" * 50_000_000 if scope["path"] == "/large" else json.dumps({"size": size}).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Run the app in a thread, with little patience, and return its port."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.5)
    config = uvicorn.Config(app, http=Connection, log_config=None, lifespan="off", timeout_keep_alive=60)
    server = Server(config)
    began = threading.Event()
    server.announce = began.set
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert began.wait(30)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def wire(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def post(size: int, path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def answered(connection: socket.socket) -> bytes:
    """Read until the answer's JSON ends, or the connection."""
    got = b""
    while not got.endswith(b"}"):
        came = connection.recv(65_536)
        if not came:
            break
        got += came
    return got


def closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(65_536) == b""
    except ConnectionResetError:
        return True


def test_many_large_requests_on_one_connection(wire: socket.socket) -> None:
    for size in (0, 3, 200_000, 1_000_000, 5):
        wire.sendall(post(size) + b"x" * size)
        assert answered(wire).endswith(b'{"size": %d}' % size)


def test_requests_sent_at_once_are_answered_in_turn(wire: socket.socket) -> None:
    wire.sendall(post(3) + b"abc" + post(1) + b"a")
    got = b""
    while got.count(b"size") < 2:
        got += wire.recv(65_536)
    assert got.index(b'"size": 3') < got.index(b'"size": 1')


@pytest.mark.parametrize("beginning", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_head_that_does_not_end_is_not_waited_for(wire: socket.socket, beginning: bytes) -> None:
    wire.sendall(beginning)
    assert closed(wire)


def test_a_head_that_trickles_is_not_waited_for(wire: socket.socket) -> None:
    with pytest.raises(OSError):
        wire.sendall(b"GET / HTTP/1.1\r\n")
        for number in range(100):
            wire.sendall(f"A{number}: x\r\n".encode())
            time.sleep(0.1)
    assert number < 60


@pytest.mark.parametrize("line", [b"A: " + b"x" * 1000 + b"\r\n", b"x" * 1000], ids=["many lines", "one line"])
def test_a_head_without_end_is_refused(wire: socket.socket, line: bytes) -> None:
    try:
        wire.sendall(b"GET / HTTP/1.1\r\nA: ")
        for _ in range(2000):
            wire.sendall(line)
    except OSError:
        return  # cut while it was still sending
    assert b" 400 " in wire.recv(65_536)


def test_a_body_may_take_its_time(wire: socket.socket) -> None:
    wire.sendall(post(4))
    for _ in range(4):
        time.sleep(0.2)
        wire.sendall(b"x")
    assert answered(wire).endswith(b'{"size": 4}')


def test_a_refused_client_may_finish_and_ask_again(wire: socket.socket) -> None:
    size = 3_000_000
    wire.sendall(post(size, "/early") + b"x" * size)
    assert answered(wire).endswith(b'{"size": 0}')
    wire.sendall(post(2) + b"ab")
    assert answered(wire).endswith(b'{"size": 2}')


def test_a_refused_client_is_not_borne_with_forever(wire: socket.socket) -> None:
    wire.sendall(post(10**9, "/early"))
    assert answered(wire).endswith(b'{"size": 0}')
    with pytest.raises(OSError):
        for _ in range(100):
            wire.sendall(b"x" * 1000)
            time.sleep(0.1)


def test_an_answer_that_is_not_read_is_not_kept_forever(wire: socket.socket) -> None:
    wire.sendall(post(0, "/large"))
    time.sleep(1.5)
    got = 0
    with contextlib.suppress(ConnectionResetError):
        while came := wire.recv(1_000_000):
            got += len(came)
    assert got < 50_000_000


def test_a_large_answer_that_is_read_comes_whole(wire: socket.socket) -> None:
    wire.sendall(post(0, "/large"))
    got = 0
    while got < 50_000_000:
        time.sleep(0.005)
        got += len(wire.recv(1_000_000))


def test_what_is_no_http_is_refused(wire: socket.socket) -> None:
    wire.sendall(b"\x16\x03\x01 hello\r\n\r\n")
    assert b" 400 " in wire.recv(65_536)
    assert closed(wire)


def test_a_signal_ends_the_server_and_is_not_raised_again() -> None:
    from regraft.serving.api import create_app

    served = create_app({})
    before = signal.getsignal(signal.SIGTERM)
    server = Server(uvicorn.Config(served, http=Connection, log_config=None))

    def stop() -> None:
        assert not served.state.door.draining
        signal.raise_signal(signal.SIGTERM)
        assert served.state.door.draining

    server.announce = stop
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.run(sockets=[listener])
    assert server.should_exit
    assert signal.getsignal(signal.SIGTERM) is before
