"""The API's documents: OpenAPI, and a page to read and try it on that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, Response

from regraft.data.dataset import NOUNS
from regraft.serving.models import Models
from regraft.serving.settings import Settings

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Regraft</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="documents"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#documents", validatorUrl: null, deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
});
"""

POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
"""The page may load nothing from elsewhere, whatever is in it."""

KINDS = {"image": ("image/jpeg", "image/png"), "audio": ("audio/wav", "audio/flac"), "text": ("text/plain",)}
"""Content types that are named for one example's bytes; others of the kind are taken too."""

FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon.png": "image/png",
}


def add_pages(app: FastAPI) -> None:
    """Add /docs and the files that it needs, which come with the package fastapi-offline."""
    spec = find_spec("fastapi_offline")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "static"

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(START, media_type="text/javascript")

    for name, kind in FILES.items():
        app.add_api_route(f"/docs/{name}", _sending(folder / name, kind), include_in_schema=False)


def _sending(path: Path, kind: str) -> Callable[[], Any]:
    async def file() -> FileResponse:
        return FileResponse(path, media_type=kind)

    return file


def document(app: FastAPI, models: Models, settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document for the models there are now; for images where there are none yet."""
    modalities = tuple(dict.fromkeys(served.modality for served in models.every()))
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    found["paths"]["/v1/predict"]["post"]["requestBody"] = request_body(modalities or ("image",), settings.max_images)
    for operation in (found["paths"]["/v1/predict"]["post"], found["paths"]["/v1/model"]["get"]):
        for parameter in operation["parameters"]:
            if parameter["name"] == "model" and models.names():
                parameter["schema"] = {"type": "string", "enum": list(models.names())}
    if settings.token is not None:
        found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in found["paths"].items():
            for operation in operations.values() if path != "/healthz" else ():
                operation["security"] = [{"token": []}]
    return found


def request_body(modalities: Sequence[str], most: int) -> dict[str, Any]:
    """Return what /v1/predict takes: a form, JSON, or the bytes of one example."""
    forms, bodies = [], []
    kinds: list[str] = []
    for modality in modalities:
        thing, things = NOUNS[modality]
        one = {"type": "string", "minLength": 1}
        forms.append(_object(thing, _many({**one, "format": "binary"}, most)))
        written = one if modality == "text" else {**one, "format": f"base64-{thing}", "contentEncoding": "base64"}
        bodies += [_object(thing, written), _object(things, _many(written, most))]
        kinds += KINDS[modality]
    raw = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    content: dict[str, Any] = {
        "multipart/form-data": {"schema": _any(forms)},
        "application/json": {"schema": _any(bodies)},
        **dict.fromkeys((*kinds, "application/octet-stream"), raw),
    }
    return {"required": True, "content": content}


def _object(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}


def _many(one: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": one, "minItems": 1, "maxItems": most}


def _any(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
