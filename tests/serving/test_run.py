"""From a socket to its end: where it listens, what stands in its way, and where temporary files go."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from regraft.errors import RegraftError
from regraft.serving.run import address, bind, temporary_folder


def test_a_free_port_is_taken() -> None:
    with bind("127.0.0.1", 0) as listener:
        where = address(listener)
        assert where.startswith("http://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(where.rpartition(":")[2])), timeout=10):
            pass


def test_a_port_in_use_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RegraftError, match=f"Port {port} must be free, but another program listens on it"):
            bind("127.0.0.1", port)


def test_a_port_can_be_used_again_at_once() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            listener.accept()[0].close()
    bind("127.0.0.1", port).close()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "300.1.1.1", "x" * 300, "a..b"])
def test_a_host_is_of_this_machine(host: str) -> None:
    with pytest.raises(RegraftError, match="--host must be a name or an address of this machine"):
        bind(host, 0)


def test_a_port_of_the_systems_own_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, where: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", refuse)
    with pytest.raises(RegraftError, match="Port 80 must be one that you may listen on"):
        bind("127.0.0.1", 80)


def test_six_byte_groups_stand_in_brackets() -> None:
    try:
        listener = bind("::1", 0)
    except RegraftError:
        pytest.skip("no IPv6 here")
    with listener:
        assert address(listener).startswith("http://[::1]:")


def test_temporary_files_go_to_a_folder_that_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    before = tempfile.gettempdir()
    with temporary_folder() as folder:
        assert os.environ["TMPDIR"] == folder == tempfile.gettempdir()
        handle, name = tempfile.mkstemp()
        os.close(handle)
        assert Path(name).parent == Path(folder)
    assert not Path(folder).exists()
    assert tempfile.gettempdir() == before and "TMPDIR" not in os.environ
