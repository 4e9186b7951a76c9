"""A server from its socket to its end: bound first, said where, stopped without cutting anyone off."""

from __future__ import annotations

import errno
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from regraft.errors import RegraftError
from regraft.serving.packages import check_packages

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine reaches."""

GRACE = 30.0
"""Seconds that requests under way have to finish once the server is told to stop."""


def run(
    app: Any,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    announce: Callable[[str], None] | None = None,
    grace: float = GRACE,
) -> None:
    """Serve an app until SIGTERM or SIGINT, then let the requests under way finish.

    Parameters
    ----------
    app : ASGI application
        Such as `regraft.serving.api.create_app` returns.
    host : str
        A name or an address of this machine.
    port : int
        0 takes any that is free.
    announce : callable, optional
        Called with the address, such as "http://127.0.0.1:8000", once requests are answered.
    grace : float
        Seconds that requests under way have to finish.

    Raises
    ------
    UsageError
        If a package of the extra `serve` is missing.
    RegraftError
        If the port is taken, or may not be used, or the host is no address of this machine.
    """
    check_packages()
    from regraft.serving.protocol import serve

    with bind(host, port) as listener, temporary_folder():
        serve(app, listener, announce, address(listener), grace)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at a host and port.

    Raises
    ------
    RegraftError
        If the port is taken, or may not be used, or the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _bad_host(host, error) from None
    # Of a name such as localhost, which stands for both, the address that all clients try.
    family, kind, protocol, _, where = min(found, key=lambda each: each[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise RegraftError(
                f"Port {port} must be free, but another program listens on it; stop that, or choose another --port."
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise RegraftError(
                f"Port {port} must be one that you may listen on, but the system refuses it; take one above 1023 "
                "with --port."
            ) from None
        raise _bad_host(host, error) from None
    return listener


def _bad_host(host: str, error: Exception) -> RegraftError:
    said = getattr(error, "strerror", None) or str(error)
    return RegraftError(
        f"--host must be a name or an address of this machine, but {host!r} is none ({said}); 127.0.0.1 is reached "
        "from this machine alone, 0.0.0.0 from all its networks."
    )


def address(listener: socket.socket) -> str:
    """Return the address that a socket is reached at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Make a folder that all temporary files of this process go to, and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="regraft-serve-", ignore_cleanup_errors=True) as folder:
        before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before
            if variable is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = variable
