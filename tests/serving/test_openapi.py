"""Schemathesis: whatever the OpenAPI document allows is answered as it says, and whatever it forbids is refused."""

from __future__ import annotations

import base64
import io
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.engine import events, from_schema

from regraft.serving.api import create_app
from regraft.serving.settings import Settings

TOKEN = "a-secret-word"


def _images() -> list[bytes]:
    """Return small images of several formats: what a string of the document stands for."""
    found = []
    for number, kind in enumerate(("JPEG", "PNG", "GIF", "BMP")):
        target = io.BytesIO()
        Image.new("RGB", (9 + number, 7), (90 * number % 256, 40, 200)).save(target, kind)
        found.append(target.getvalue())
    return found


IMAGES = st.sampled_from(_images())

# The document says that these strings are images; how to make one it cannot say.
schemathesis.openapi.format("binary", IMAGES)
schemathesis.openapi.format("base64-image", IMAGES.map(lambda raw: base64.b64encode(raw).decode()))
for kind in ("image/jpeg", "image/png", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, IMAGES)


def run(app: Any, **headers: str) -> tuple[list[str], dict[str, int]]:
    """Run all phases and all checks, and return what is wrong, and how many requests were sent by operation."""
    settings = {
        "headers": headers,
        "seed": 1,
        "workers": 1,
        "generation": {"max-examples": 20, "deterministic": True, "database": "none", "mode": "all"},
    }
    config = schemathesis.Config.from_dict(settings)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    wrong: list[str] = []
    asked: dict[str, int] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(getattr(event, "value", None) or event))
        if not isinstance(event, events.ScenarioFinished):
            continue
        asked[event.recorder.label] = asked.get(event.recorder.label, 0) + len(event.recorder.interactions)
        for case, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    curl = event.recorder.cases[case].value.as_curl_command()
                    wrong.append(f"{event.phase} {check.name}: {failure.title} {failure.message}\n  {curl[:500]}")
    return wrong, asked


OPERATIONS = ["POST /v1/predict", "GET /v1/model", "GET /v1/models", "GET /healthz", "GET /metrics"]


def test_of_one_model(fitted: Any) -> None:
    wrong, asked = run(create_app({"colours": fitted.classifier}, Settings(workers=2)))
    assert not wrong, "\n".join(wrong[:5])
    assert set(asked) >= set(OPERATIONS) and asked["POST /v1/predict"] > 100


def test_of_several_models_and_a_token(fitted: Any) -> None:
    app = create_app({"one": fitted.classifier, "two": fitted.classifier}, Settings(workers=2, token=TOKEN))
    wrong, asked = run(app, Authorization=f"Bearer {TOKEN}")
    assert not wrong, "\n".join(wrong[:5])
    assert set(asked) >= set(OPERATIONS) and asked["POST /v1/predict"] > 100
