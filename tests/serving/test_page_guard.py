"""Other web sites cannot have a browser ask the page for anything."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regraft.serving.page.guard import Guard


def status(local: bool, method: str = "GET", kind: str = "http", **headers: str) -> int:
    """Return what a request is answered with, 200 from the application behind the guard."""
    sent: list[dict[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": method, "path": "/page/folder", "headers": named}
    asyncio.run(Guard(behind, local)(scope, receive, send))
    return int(sent[0].get("status", sent[0].get("code", 0)))


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_the_page_itself_may_ask(host: str) -> None:
    assert status(True, host=host) == 200
    assert status(True, "POST", host=host, origin=f"http://{host}", sec_fetch_site="same-origin") == 200
    assert status(True, "POST", host=host) == 200  # a program of the user's own


@pytest.mark.parametrize("host", ["evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example", ""])
def test_a_name_that_was_made_to_mean_this_machine_is_no_name(host: str) -> None:
    assert status(True, host=host) == 403
    assert status(True, "POST", host=host, origin=f"http://{host}") == 403


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8000"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://127.0.0.1:7860"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_other_sites_may_not(local: bool, method: str, headers: dict[str, str]) -> None:
    assert status(local, method, host="127.0.0.1:7860", **headers) == 403


def test_a_machine_that_others_reach_has_other_names() -> None:
    assert status(False, host="laptop.home:7860") == 200
    assert status(False, "POST", host="laptop.home:7860", origin="http://laptop.home:7860") == 200
    assert status(False, "POST", host="laptop.home:7860", origin="http://evil.example") == 403


def test_web_sockets_are_held_to_the_same() -> None:
    assert status(True, kind="websocket", host="evil.example") == 1008
    assert status(True, kind="websocket", host="127.0.0.1:7860", origin="http://evil.example") == 1008
