"""Reading a body: counted while it comes, and not waited for forever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regraft.serving.admission import Door
from regraft.serving.body import ClientGone, read_body
from regraft.serving.refusals import Refused
from regraft.serving.settings import Settings


def read(chunks: list[Any], declared: str | None = None, **settings: Any) -> bytes:
    """Read a body that comes in chunks; None: the client leaves, a number: it waits so many seconds."""
    door = Door(Settings(max_megabytes=0.001, max_waiting_megabytes=0.002, **settings))
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        chunk = left.pop(0)
        if isinstance(chunk, float):
            await asyncio.sleep(chunk)
            chunk = left.pop(0)
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def whole() -> bytes:
        with door.enter() as place:
            found = await read_body(receive, declared, door, place)
            assert place.held == len(found)
            return found

    try:
        return asyncio.run(whole())
    finally:
        assert door.held == 0


def test_chunks_are_joined() -> None:
    assert read([b"a", b"", b"bc"]) == b"abc"
    assert read([b"abc"], declared="3") == b"abc"
    assert read([b""], declared="0") == b""


def test_what_is_announced_too_large_is_not_even_read() -> None:
    with pytest.raises(Refused, match="are announced") as refused:
        read([], declared="2000")
    assert refused.value.status == 413


def test_what_grows_too_large_is_read_no_further() -> None:
    with pytest.raises(Refused, match="more came") as refused:
        read([b"x" * 600, b"x" * 600, ZeroDivisionError])
    assert refused.value.status == 413


@pytest.mark.parametrize("declared", ["-1", "many", "1e3", "٣"], ids=["below", "word", "float", "arabic"])
def test_a_length_is_a_number(declared: str) -> None:
    with pytest.raises(Refused, match="Content-Length must be") as refused:
        read([], declared=declared)
    assert refused.value.status == 400


def test_a_client_that_stops_half_way_is_not_waited_for() -> None:
    with pytest.raises(Refused, match=r"within 0.05 seconds, but 3 bytes came") as refused:
        read([b"abc", 5.0, b"d"], read_timeout=0.05)
    assert refused.value.status == 408


def test_a_client_that_leaves_is_noticed() -> None:
    with pytest.raises(ClientGone):
        read([b"abc", None])
