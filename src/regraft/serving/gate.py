"""What every request goes through: a number, the token, a line in the log, the counters, and an end to all errors."""

from __future__ import annotations

import hmac
import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any

from regraft.serving.body import ClientGone
from regraft.serving.log import log_error, log_request
from regraft.serving.refusals import refusal

if TYPE_CHECKING:
    from regraft.serving.metrics import Metrics

OPEN = re.compile(r"/(healthz|openapi\.json|docs(/.*)?)")
"""Paths that need no token."""

GONE = 499
"""What nginx logs where the client has left before its answer."""

_IDENTITY = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_REFUSALS = {
    401: refusal(
        401,
        "no-token",
        "The header Authorization must be `Bearer` and this server's token, but it is missing or another came; ask "
        "whoever runs the server.",
    ),
    500: refusal(
        500, "failed", "The server could not do this, and has written down where; send it again, or report it."
    ),
}


class Gate:
    """An ASGI app around another.

    Parameters
    ----------
    app : ASGI application
    token : str or None
        What a request must bring.
    metrics : Metrics
    """

    def __init__(self, app: Any, token: str | None, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and not self._may(scope):
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        started = time.perf_counter()
        identity = _identity(scope)
        told: dict[str, Any] = {}
        scope["regraft"] = told
        status = 0

        async def sending(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity)]
            await send(message)

        try:
            if self._may(scope):
                await self._app(scope, receive, sending)
            else:
                await _refuse(401, sending, (b"www-authenticate", b'Bearer realm="regraft"'))
        except ClientGone:
            status = GONE
        except Exception as error:
            log_error(identity.decode(), error)
            if status:
                raise  # half of the answer is out, and the connection must be cut
            await _refuse(500, sending)
        finally:
            self._note(scope, identity.decode(), status, time.perf_counter() - started, told)

    def _may(self, scope: dict[str, Any]) -> bool:
        """Return whether a request may be looked at."""
        if self._token is None or OPEN.fullmatch(scope["path"]):
            return True
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        # Compared whatever the scheme, so that the time taken says nothing.
        return hmac.compare_digest(token.strip(), self._token) and scheme.lower() == b"bearer"

    def _note(self, scope: dict[str, Any], identity: str, status: int, seconds: float, told: dict[str, Any]) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        line = {"request": identity, "method": scope["method"][:16], "route": route, "status": status}
        log_request({**line, "ms": round(1e3 * seconds, 1), **told})


def _identity(scope: dict[str, Any]) -> bytes:
    """Return the request's number: the one it came with from a proxy, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _IDENTITY.fullmatch(value):
            return bytes(value)
    return uuid.uuid4().hex[:16].encode()


async def _refuse(status: int, send: Any, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps(_REFUSALS[status]).encode()
    kept = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body})
