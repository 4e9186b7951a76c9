"""The documents: right for the models that are served, and readable without a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from regraft.serving.documents import FILES, request_body


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    named = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert len(named) == 4
    for each in named:
        assert "//" not in each
        assert client.get(f"/{each}").status_code == 200
    start = client.get("/docs/start.js").text
    assert "//" not in start and 'url: "openapi.json"' in start and "validatorUrl: null" in start


def test_its_files_are_what_they_say(client: TestClient) -> None:
    for name, kind in FILES.items():
        answer = client.get(f"/docs/{name}")
        assert answer.headers["content-type"].startswith(kind) and len(answer.content) > 1000
    assert "SwaggerUIBundle" in client.get("/docs/swagger-ui-bundle.js").text
    assert client.get("/docs/../settings.py").status_code == 404


def test_the_document_says_what_can_be_sent(client: TestClient) -> None:
    said = client.get("/openapi.json").json()
    assert set(said["paths"]) == {"/v1/predict", "/v1/model", "/v1/models", "/healthz", "/metrics"}
    content = said["paths"]["/v1/predict"]["post"]["requestBody"]["content"]
    assert {"multipart/form-data", "application/json", "image/jpeg", "application/octet-stream"} <= set(content)
    assert "text/plain" not in content
    assert said["paths"]["/v1/predict"]["post"]["responses"].keys() >= {"200", "401", "413", "422", "503", "504"}
    assert "securitySchemes" not in said["components"]


def test_a_token_is_asked_for_in_the_document(client_of: Callable[..., TestClient]) -> None:
    said = client_of(token="secret").get("/openapi.json").json()
    assert said["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert said["paths"]["/v1/predict"]["post"]["security"] == [{"token": []}]
    assert "security" not in said["paths"]["/healthz"]["get"]
    assert "secret" not in str(said)


def test_it_names_the_models_there_are_now(client_of: Callable[..., TestClient], fitted: Any) -> None:
    client = client_of({"one": fitted.classifier})

    def named() -> list[str]:
        parameters = client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]["parameters"]
        return next(each["schema"]["enum"] for each in parameters if each["name"] == "model")

    assert named() == ["one"]
    client.app.state.models.add("two", fitted.classifier)  # type: ignore[attr-defined]
    assert named() == ["one", "two"]


def test_each_modality_has_its_own_words() -> None:
    content = request_body(("image", "text", "audio"), 5)["content"]
    fields = [next(iter(each["properties"])) for each in content["application/json"]["schema"]["anyOf"]]
    assert fields == ["image", "images", "text", "texts", "recording", "recordings"]
    assert {"image/png", "text/plain", "audio/wav"} <= set(content)
    many = content["application/json"]["schema"]["anyOf"][1]["properties"]["images"]
    assert (many["minItems"], many["maxItems"]) == (1, 5)
