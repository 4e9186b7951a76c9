"""The app: what is said of images sent in any way is what the classifier says; all else is refused in a sentence."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from regraft.features.live import LiveFeatures
from regraft.multitask.model import Tasks
from regraft.serving.api import create_app
from regraft.serving.settings import Settings


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def sent(client: TestClient, way: str, raws: list[bytes], query: str = "") -> Any:
    """Send images in one of the ways, and return the answer."""
    path = f"/v1/predict{query}"
    if way == "form":
        return client.post(path, files=[("image", (f"{i}.jpg", raw)) for i, raw in enumerate(raws)])
    if way == "json":
        return client.post(path, json={"images": [b64(raw) for raw in raws]})
    [raw] = raws
    return client.post(path, content=raw, headers={"Content-Type": "application/octet-stream"})


def same(said: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check that two predictions agree but for the name and for rounding."""
    assert said.keys() == expected.keys()
    for key in said.keys() - {"name", "confidence", "probabilities"}:
        assert said[key] == expected[key]
    assert said["probabilities"] == pytest.approx(expected["probabilities"], abs=5e-3)


# --- what is said -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["form", "json", "bytes"])
def test_one_image_sent_in_any_way(client: TestClient, fitted: Any, red: bytes, way: str) -> None:
    answer = sent(client, way, [red])
    assert answer.status_code == 200
    said = answer.json()
    assert said["model"] == "colours"
    [prediction] = said["predictions"]
    assert prediction["label"] == "red"
    same(prediction, fitted.classifier.predict([red])[0].to_dict())


@pytest.mark.parametrize("way", ["form", "json"])
def test_many_are_what_the_classifier_says(client: TestClient, fitted: Any, colours: Path, way: str) -> None:
    raws = [path.read_bytes() for path in sorted(colours.rglob("*.jpg"))]
    said = sent(client, way, raws).json()["predictions"]
    expected = fitted.classifier.predict(raws)
    assert len(said) == len(raws) == 18
    for one, other in zip(said, expected, strict=True):
        same(one, other.to_dict())


def test_top_and_coverage(client: TestClient, fitted: Any, red: bytes) -> None:
    [short] = sent(client, "bytes", [red], "?top=1").json()["predictions"]
    assert list(short["probabilities"]) == ["red"]
    [wide] = sent(client, "bytes", [red], "?coverage=0.8").json()["predictions"]
    assert "plausible" in wide
    same(wide, fitted.classifier.predict([red], coverage=0.8)[0].to_dict())


def test_coverage_that_cannot_be_had_is_refused(client: TestClient, red: bytes) -> None:
    answer = sent(client, "bytes", [red], "?coverage=0.9999999")
    assert answer.status_code == 409
    assert "--" not in answer.json()["error"]["message"]


def test_names_come_back(client: TestClient, red: bytes, blue: bytes) -> None:
    form = client.post("/v1/predict", files=[("image", ("a.jpg", red)), ("image", ("b.jpg", blue))]).json()
    assert [each["name"] for each in form["predictions"]] == ["a.jpg", "b.jpg"]
    plain = sent(client, "json", [red, blue]).json()
    assert [each["name"] for each in plain["predictions"]] == ["image 0", "image 1"]


def test_one_that_cannot_be_read_does_not_spoil_the_others(client: TestClient, red: bytes) -> None:
    answer = sent(client, "form", [b"noise", red, b"", red[:300]])
    assert answer.status_code == 200
    said = answer.json()["predictions"]
    assert [each["label"] for each in said] == [None, "red", None, None]
    assert [bool(each.get("error")) for each in said] == [True, False, True, True]
    assert said[0]["error"] == "not an image (looks like text)" and said[2]["error"] == "empty (0 bytes)"


def test_many_clients_at_once_get_their_own_answers(client: TestClient, red: bytes, blue: bytes) -> None:
    found: list[tuple[str, str]] = []

    def ask(raw: bytes, label: str) -> None:
        found.extend((label, each["label"]) for each in sent(client, "form", [raw] * 3).json()["predictions"])

    threads = [threading.Thread(target=ask, args=pair) for pair in ((red, "red"), (blue, "blue")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 24 and all(asked == got for asked, got in found)


# --- bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["form", "json", "bytes"])
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (bytes(range(256)) * 20, "not an image, or of an unknown format"),
        (b"Dear Sir or Madam,", "looks like text"),
        (b"<html>not found</html>", "looks like HTML"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "JPEG"),
    ],
    ids=["noise", "text", "html", "half a jpeg"],
)
def test_what_is_no_image_is_refused_in_a_sentence(client: TestClient, way: str, raw: bytes, why: str) -> None:
    answer = sent(client, way, [raw])
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "unreadable" and why in error["message"] and error["message"].endswith(".")
    assert len(error["details"]) == 1


@pytest.mark.parametrize("way", ["form", "json", "bytes"])
def test_an_empty_body_is_refused(client: TestClient, way: str) -> None:
    answer = sent(client, way, [b""])
    assert answer.status_code == 422 and "empty" in answer.json()["error"]["message"]


def test_where_none_can_be_read_all_reasons_are_told(client: TestClient) -> None:
    error = sent(client, "form", [b"noise", b""]).json()["error"]
    assert error["status"] == 422 and "At least one of the 2 examples" in error["message"]
    assert [each["name"] for each in error["details"]] == ["0.jpg", "1.jpg"]


def test_a_200_megapixel_image_is_not_decoded(
    client: TestClient, huge: bytes, red: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regraft.features import live

    decoded = []
    there = live.pixels_of
    monkeypatch.setattr(live, "pixels_of", lambda *asked: decoded.append(asked) or there(*asked))
    answer = sent(client, "bytes", [huge])
    assert answer.status_code == 422
    assert "20000x10000 pixels, more than the limit of 50 million" in answer.json()["error"]["message"]
    assert not decoded
    assert sent(client, "form", [huge, red]).json()["predictions"][1]["label"] == "red"


@pytest.mark.parametrize("way", ["form", "json"])
def test_10_000_images_in_one_request_are_refused(client: TestClient, way: str) -> None:
    target = io.BytesIO()
    Image.new("RGB", (2, 2)).save(target, "PNG")
    answer = sent(client, way, [target.getvalue()] * 10_000)
    assert answer.status_code == 422
    assert "at most 64 images" in answer.json()["error"]["message"]


def test_too_many_bytes_are_refused(client_of: Callable[..., TestClient], red: bytes) -> None:
    client = client_of(max_megabytes=0.001)
    answer = sent(client, "bytes", [red])
    assert answer.status_code == 413 and "at most 0.001 MB" in answer.json()["error"]["message"]
    streamed = client.post("/v1/predict", content=(red for _ in range(3)))
    assert streamed.status_code == 413
    assert sent(client, "bytes", [red[:500]]).status_code == 422


@pytest.mark.parametrize(
    "query", ["?top=0", "?top=x", "?top=1.5", "?coverage=0", "?coverage=1", "?coverage=nan", "?coverage=x", "?model="]
)
def test_a_query_out_of_range_is_refused_in_a_sentence(client: TestClient, red: bytes, query: str) -> None:
    answer = sent(client, "bytes", [red], query)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid" and query[1:].partition("=")[0] in error["message"]


def test_other_paths_and_methods_are_refused_in_the_same_shape(client: TestClient) -> None:
    missing = client.get("/v1/nothing")
    assert missing.status_code == missing.json()["error"]["status"] == 404
    wrong = client.get("/v1/predict")
    assert wrong.status_code == wrong.json()["error"]["status"] == 405
    assert wrong.headers["allow"] == "POST"


# --- several models ---------------------------------------------------------------------------------


def test_the_model_is_chosen_in_the_query(client_of: Callable[..., TestClient], fitted: Any, red: bytes) -> None:
    client = client_of({"one": fitted.classifier, "two": fitted.classifier})
    assert client.get("/v1/models").json() == {"models": ["one", "two"]}
    assert sent(client, "bytes", [red]).json()["model"] == "one"
    assert sent(client, "bytes", [red], "?model=two").json()["model"] == "two"
    assert client.get("/v1/model?model=two").json()["name"] == "two"
    unknown = sent(client, "bytes", [red], "?model=three")
    assert unknown.status_code == 404 and "one of one, two" in unknown.json()["error"]["message"]


def test_a_model_can_be_added_while_it_runs(client_of: Callable[..., TestClient], fitted: Any, red: bytes) -> None:
    client = client_of({})
    assert sent(client, "bytes", [red]).status_code == 404
    assert client.get("/v1/model").status_code == 404
    assert client.get("/healthz").json() == {"status": "ready", "models": 0}
    client.app.state.models.add("later", fitted.classifier)  # type: ignore[attr-defined]
    assert sent(client, "bytes", [red]).json()["predictions"][0]["label"] == "red"
    assert client.get("/v1/model").json()["sha256"] is None


# --- more than it can do ----------------------------------------------------------------------------


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Hold whoever prepares an example until `go` is set; `inside` tells that someone does."""

    class Held:
        go, inside = threading.Event(), threading.Event()
        prepared = 0

    there = LiveFeatures.prepare

    def prepare(self: LiveFeatures, raw: bytes) -> Any:
        Held.inside.set()
        assert Held.go.wait(30)
        Held.prepared += 1
        return there(self, raw)

    monkeypatch.setattr(LiveFeatures, "prepare", prepare)
    yield Held
    Held.go.set()


def test_more_than_may_be_under_way_are_told_to_come_again(
    client_of: Callable[..., TestClient], red: bytes, held: Any
) -> None:
    client = client_of(max_requests=2)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(sent(client, "bytes", [red]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    door = client.app.state.door  # type: ignore[attr-defined]
    while door.computing < 2:
        time.sleep(0.01)
    refused = sent(client, "bytes", [red])
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
    assert "At most 2 requests" in refused.json()["error"]["message"]
    assert client.get("/healthz").status_code == 200
    assert "regraft_requests_in_flight 2.0" in client.get("/metrics").text
    held.go.set()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sent(client, "bytes", [red]).status_code == 200
    assert (door.inside, door.computing, door.held) == (0, 0, 0)


def test_a_request_that_takes_too_long_is_ended_and_its_rest_not_computed(
    client_of: Callable[..., TestClient], red: bytes, held: Any
) -> None:
    client = client_of(timeout=0.3, workers=1)
    answer = sent(client, "form", [red] * 20)
    assert answer.status_code == 504 and "within 0.3 seconds" in answer.json()["error"]["message"]
    assert client.app.state.workers.waiting == 0  # type: ignore[attr-defined]
    assert client.app.state.door.held == 0  # type: ignore[attr-defined]
    held.go.set()
    assert sent(client_of(), "bytes", [red]).status_code == 200
    assert held.prepared <= 5


def test_what_waits_of_a_client_that_has_gone_is_dropped(
    client_of: Callable[..., TestClient], red: bytes, held: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = client_of(workers=1).app
    body = json.dumps({"images": [b64(red)] * 20}).encode()
    sent_back: list[Any] = []
    messages = [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.to_thread(held.inside.wait, 20)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent_back.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "path": "/v1/predict", "method": "POST", "headers": headers, "query_string": b""}
    with caplog.at_level(logging.INFO, "regraft.serving"):
        asyncio.run(app({**scope, "app": app}, receive, send))
    assert not sent_back
    assert app.state.workers.waiting == app.state.door.computing == app.state.door.held == 0  # type: ignore[attr-defined]
    assert [record.fields["status"] for record in caplog.records if hasattr(record, "fields")] == [499]
    held.go.set()
    assert sent(client_of(), "bytes", [red]).status_code == 200
    assert held.prepared <= 5


def test_a_server_about_to_stop_says_so(client_of: Callable[..., TestClient], red: bytes) -> None:
    client = client_of()
    client.app.state.door.draining = True  # type: ignore[attr-defined]
    health = client.get("/healthz")
    assert health.status_code == 503 and health.json()["status"] == "draining"
    refused = sent(client, "bytes", [red])
    assert refused.status_code == 503 and "retry-after" in refused.headers


# --- what is kept -----------------------------------------------------------------------------------

WRITTEN: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if WRITTEN is None:
        return
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        WRITTEN.append(str(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "tempfile.mkstemp"):
        WRITTEN.append(f"{event} {arguments[0]}")


def test_no_request_writes_anything(client: TestClient, red: bytes, huge: bytes, tmp_path: Path) -> None:
    global WRITTEN
    large = io.BytesIO()
    Image.effect_noise((1500, 1500), 60).save(large, "PNG")  # more than spools to disk elsewhere
    sys.addaudithook(_watch)
    WRITTEN = []
    try:
        (tmp_path / "seen").write_text("x")
        for way in ("form", "json", "bytes"):
            assert sent(client, way, [large.getvalue()]).status_code == 200
            assert sent(client, way, [b"noise"]).status_code == 422
        assert sent(client, "form", [red] * 64).status_code == 200
        sent(client, "bytes", [huge])
        for path in ("/v1/model", "/v1/models", "/metrics", "/healthz", "/docs", "/openapi.json", "/nothing"):
            client.get(path)
        seen = WRITTEN
    finally:
        WRITTEN = None
    assert len(large.getvalue()) > 2**20
    assert seen == [str(tmp_path / "seen")]  # and so the watch works


def test_figures_are_counted(client_of: Callable[..., TestClient], red: bytes) -> None:
    client = client_of()
    sent(client, "form", [red, b"noise", red])
    sent(client, "bytes", [b"noise"])
    text = client.get("/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert 'regraft_requests_total{route="/v1/predict",status="200"} 1.0' in text.text
    assert 'regraft_requests_total{route="/v1/predict",status="422"} 1.0' in text.text
    assert 'regraft_examples_total{model="colours"} 4.0' in text.text
    assert 'regraft_unreadable_total{model="colours"} 2.0' in text.text
    assert 'regraft_request_seconds_count{route="/v1/predict"} 2.0' in text.text


def test_a_failure_inside_is_500_in_the_same_shape(
    client_of: Callable[..., TestClient], red: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Any, prepared: Any) -> Any:
        raise RuntimeError("a private word")

    client = client_of()
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(LiveFeatures, "compute", fail)
        answer = sent(client, "bytes", [red])
    assert answer.status_code == answer.json()["error"]["status"] == 500
    assert "private" not in answer.text + caplog.text
    assert sent(client, "bytes", [red]).status_code == 200


# --- other models -----------------------------------------------------------------------------------


def test_a_model_of_several_tasks(client_of: Callable[..., TestClient], fitted: Any, red: bytes, blue: bytes) -> None:
    from regraft.multitask.model import TaskHead

    classifier = fitted.classifier
    values = classifier.features([red, blue]).values
    coef = (values[:1] - values[1:]).repeat(2, axis=0) * [[-1], [1]]
    centre = values.mean(axis=0)
    head = TaskHead("colour", "classes", ("blue", "red"), (0,), None, coef, -coef @ centre, "linear")
    tasks = Tasks((head,), classifier.backbones, classifier.precisions, classifier.widths)
    client = client_of({"tasks": tasks})
    said = sent(client, "form", [red, b"noise", blue]).json()["predictions"]
    assert [each["tasks"].get("colour", {}).get("value") for each in said] == ["red", None, "blue"]
    assert said[1]["error"] == "not an image (looks like text)"
    assert sent(client, "bytes", [red], "?coverage=0.9").status_code == 409
    told = client.get("/v1/model").json()
    assert told["tasks"] == {"colour": ["blue", "red"]} and told["classes"] == []


def test_an_app_needs_no_settings(fitted: Any) -> None:
    app = create_app({"colours": fitted.classifier})
    assert app.state.settings == Settings()
    assert json.loads(json.dumps(app.openapi()))["info"]["title"] == "Regraft"
