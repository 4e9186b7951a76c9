"""What every request goes through: a number, the token, the log, the counters, and an end to all errors."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from regraft.serving.gate import Gate
from regraft.serving.metrics import Metrics

TOKEN = "a-secret-word"
OPEN = ["/healthz", "/docs", "/openapi.json", "/docs/start.js"]
CLOSED = ["/v1/models", "/v1/model", "/metrics", "/nothing", "/healthz/x", "/docsx", "/", "//healthz"]


@pytest.fixture(scope="module")
def locked(client_of: Callable[..., TestClient]) -> TestClient:
    return client_of(token=TOKEN)


@pytest.mark.parametrize("path", OPEN)
def test_some_pages_need_no_token(locked: TestClient, path: str) -> None:
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize("path", CLOSED)
def test_all_else_needs_one(locked: TestClient, path: str) -> None:
    answer = locked.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"]["code"] == "no-token"


@pytest.mark.parametrize(
    "given",
    ["Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN, ""],
)
def test_a_wrong_token_is_none(locked: TestClient, given: str) -> None:
    assert locked.get("/v1/models", headers={"Authorization": given}).status_code == 401


def test_bytes_that_are_no_ascii_are_no_token(locked: TestClient) -> None:
    assert locked.get("/v1/models", headers={"Authorization": "Bearer é".encode()}).status_code == 401


def test_two_tokens_are_none(locked: TestClient) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer wrong")]
    assert locked.get("/v1/models", headers=headers).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_right_token_opens(locked: TestClient, scheme: str) -> None:
    assert locked.get("/v1/models", headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200


def test_a_body_is_not_read_for_those_without_a_token(locked: TestClient) -> None:
    def body() -> Any:
        raise AssertionError("read")
        yield b""

    async def receive() -> dict[str, Any]:
        raise AssertionError("read")

    status, _ = asyncio.run(ask(locked.app, "/v1/predict", receive, method="POST"))
    assert status == 401


async def ask(app: Any, path: str, receive: Any, method: str = "GET") -> tuple[int, Any]:
    """Return the status and the JSON that an ASGI app answers."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


def test_each_request_has_a_number(client: TestClient) -> None:
    first, second = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert first != second
    assert client.get("/healthz", headers={"X-Request-ID": "from-proxy.1"}).headers["x-request-id"] == "from-proxy.1"
    odd = client.get("/healthz", headers={"X-Request-ID": 'x"; evil'}).headers["x-request-id"]
    assert odd.isalnum()


def test_a_line_of_each_request_holds_no_name_and_no_contents(
    client: TestClient, red: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "regraft.serving"):
        client.post("/v1/predict?top=1", files=[("image", ("private-name.jpg", red))] * 2)
    [line] = [record.fields for record in caplog.records if record.name == "regraft.serving"]  # type: ignore[attr-defined]
    assert (line["method"], line["route"], line["status"], line["images"]) == ("POST", "/v1/predict", 200, 2)
    assert line["model"] == "colours" and line["bytes"] > 2 * len(red) and line["ms"] > 0
    assert set(line) == {"request", "method", "route", "status", "ms", "model", "bytes", "images"}


def test_paths_that_are_not_there_do_not_fill_the_counters(client_of: Callable[..., TestClient]) -> None:
    client = client_of()
    for number in range(5):
        client.get(f"/secret-{number}")
    counted = client.get("/metrics").text
    assert 'regraft_requests_total{route="other",status="404"} 5.0' in counted
    assert "secret" not in counted


@pytest.fixture
def failing() -> Callable[..., Any]:
    """Return a function that makes a gate around an app that fails, before or after it has begun to answer."""

    def make(begins: bool) -> Gate:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if begins:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            raise RuntimeError("a private word")

        return Gate(app, None, Metrics(lambda: 0, lambda: 0, lambda: 0))

    return make


async def nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


def test_an_error_is_answered_without_its_words(failing: Any, caplog: pytest.LogCaptureFixture) -> None:
    status, said = asyncio.run(ask(failing(begins=False), "/x", nothing))
    assert status == said["error"]["status"] == 500
    assert "private" not in json.dumps(said) and "private" not in caplog.text
    assert any(getattr(record, "fields", {}).get("error") == "RuntimeError" for record in caplog.records)


def test_an_answer_that_breaks_off_is_cut(failing: Any) -> None:
    with pytest.raises(RuntimeError):
        asyncio.run(ask(failing(begins=True), "/x", nothing))


def test_other_protocols_need_the_token_too(locked: TestClient) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect) as closed, locked.websocket_connect("/x"):
        pass
    assert closed.value.code == 1008
