"""A request's body, read into memory: counted while it comes, and not waited for forever."""

from __future__ import annotations

import asyncio
from typing import Any

from regraft.serving.admission import Door, Place
from regraft.serving.refusals import Refused


class ClientGone(Exception):
    """Whoever asked has closed the connection."""


async def read_body(receive: Any, declared: str | None, door: Door, place: Place) -> bytes:
    """Return a request's body.

    Parameters
    ----------
    receive : ASGI receive
    declared : str or None
        Content-Length, if the request has one.
    door, place : Door, Place
        What is allowed, and the place that the bytes are counted in.

    Raises
    ------
    Refused
        If it is too large, or takes too long, or there is no room for it now.
    ClientGone
        If the client leaves before its end.
    """
    settings = door.settings
    if declared is not None:
        if not (declared.isascii() and declared.isdigit()):
            raise Refused(400, "bad-length", "Content-Length must be a whole number of bytes; leave it to the client.")
        length = int(declared[:20])
        if length > settings.max_bytes:
            raise door.too_large(f"{length / 2**20:,.1f} MB are announced")
        place.expect(length)
    chunks: list[bytes] = []
    total = 0
    try:
        async with asyncio.timeout(settings.read_timeout):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk, more = message.get("body", b""), message.get("more_body", False)
                total += len(chunk)
                if total > settings.max_bytes:
                    raise door.too_large("more came")
                place.hold(total)
                chunks.append(chunk)
    except TimeoutError:
        raise Refused(
            408,
            "too-slow",
            f"The whole body must be here within {settings.read_timeout:g} seconds, but {total:,} bytes came; send it "
            "again, or send less.",
            headers={"Connection": "close"},
        ) from None
    return b"".join(chunks)
