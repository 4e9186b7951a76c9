"""Answers as JSON, whatever characters are in them: names of classes need not be UTF-8."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


def as_json(values: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer whose body is JSON in ASCII."""
    return Response(json.dumps(values), status, headers, media_type="application/json")
