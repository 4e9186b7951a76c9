"""Keeps other web sites out: the page can read folders, so only the page itself may ask it to."""

from __future__ import annotations

from typing import Any

from regraft.serving.run import LOOPBACK

NAMES = frozenset((*LOOPBACK, "[::1]"))
"""What this machine calls itself in a browser's address bar."""

REFUSAL = b"This page answers only to itself: open it by the address that regraft app printed."

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "frame-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""What the browser may load: nothing from elsewhere."""


class Guard:
    """An ASGI application around another: it turns away what other sites have browsers send.

    Parameters
    ----------
    app : ASGI application
    local : bool
        Whether only this machine can reach the server: then it has no other names, which keeps out sites whose name
        was made to mean this machine (DNS rebinding).
    """

    def __init__(self, app: Any, local: bool) -> None:
        self.app, self.local = app, local
        self.state = getattr(app, "state", None)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket") and not self._trusted(scope):
            await _refuse(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _trusted(self, scope: Any) -> bool:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self.local and _name(host) not in NAMES:
            return False
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            return True
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or origin.partition("://")[2] == host


def _name(host: str) -> str:
    """Return a Host header without its port."""
    return (host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]).lower()


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(REFUSAL)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})
