"""The wire: uvicorn with what a server needs that strangers reach - heads that end, and a stop that is no crash."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""In which a request's first line and headers must have come."""

HEAD_BYTES = 65_536
"""That they may have."""

UNREAD_SECONDS = 20.0
"""For which a client may leave an answer unread that no longer fits into its connection."""

LINGER_SECONDS = 5.0
"""For which what a refused client still sends is taken and thrown away, so that it gets to read why."""


class Connection(HttpToolsProtocol):
    """One client's connection."""

    _timer: Any = None
    _unread: Any = None
    _part = ""
    _head = 0

    def connection_made(self, transport: Any) -> None:
        """Wait for a first request, but not forever."""
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; those of a head are counted."""
        super().data_received(data)
        self._head = self._head + len(data) if self._part == "head" else 0
        if self._head > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers of a request must have at most 64 kB, but more came; send fewer.")

    def on_message_begin(self) -> None:
        """Expect a head, but not forever."""
        super().on_message_begin()
        self._part = "head"
        self._wait(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        """Let the body have its own time, which the app looks after."""
        self._part = "body"
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that all of a request is here."""
        self._part = ""
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Bear with a client that was answered before it had sent all, but not forever."""
        super().on_response_complete()
        if self._part == "body" and not self.transport.is_closing():
            self._wait(LINGER_SECONDS)

    def pause_writing(self) -> None:
        """Keep an answer for a client that does not read it, but not forever."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """See that the client reads."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """A server whose stop by a signal is a good end."""

    announce: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self.announce is not None and not self.should_exit:
            self.announce()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as wishes to stop; uvicorn would raise them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sign: signal.signal(sign, self.handle_exit) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop once all requests under way are answered; whoever presses Ctrl-C twice need not wait."""
        door = getattr(getattr(self.config.app, "state", None), "door", None)
        if door is not None:
            door.draining = True
        super().handle_exit(sig, frame)


def serve(
    app: Any, listener: socket.socket, announce: Callable[[str], None] | None, address: str, grace: float
) -> None:
    """Answer what comes to a socket until SIGTERM or SIGINT.

    Parameters
    ----------
    app : ASGI application
    listener : socket
        Bound.
    announce : callable, optional
        Called with the address once requests are answered.
    address : str
    grace : float
        Seconds that requests under way have to finish.
    """
    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(grace)),
        proxy_headers=False,
    )
    server = Server(config)
    server.announce = announce and (lambda: announce(address))
    server.run(sockets=[listener])
