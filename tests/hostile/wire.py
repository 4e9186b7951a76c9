"""Hostile files as HTTP requests: as they are, in a form, in JSON; and bodies that are damaged as a whole."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import numpy as np

from hostile.corpus import SOUNDS, Hostile
from hostile.mutations import MUTATIONS

BOUNDARY = "regraft-hostile"
WAYS = ("raw", "form", "json")


def request(file: Hostile) -> tuple[str, dict[str, str], bytes]:
    """Return the path, the headers and the body of the request that a file makes; always the same."""
    rng = np.random.default_rng((9, file.number))
    thing = "audio" if file.kind in SOUNDS else "image"
    field = "recording" if thing == "audio" else "image"
    way = WAYS[int(rng.integers(len(WAYS)))]
    if way == "raw":
        kind, body = "application/octet-stream", file.content
    elif way == "form":
        kind, body = f"multipart/form-data; boundary={BOUNDARY}", form(field, file.name, file.content)
    else:
        kind = "application/json"
        body = json.dumps({field: base64.b64encode(file.content).decode()}).encode()
    if way != "raw" and rng.random() < 0.3:
        mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        body = mutation(body, rng, [file.content, body, b"{" * 10_000, b'{"images": [' * 3])
    query = ("", "&top=1", "&top=999999", "&coverage=0.5", "&coverage=nan", "&top=-1")[int(rng.integers(6))]
    return f"/v1/predict?model={'held' if thing == 'image' else 'audio'}{query}", {"Content-Type": kind}, body


def form(field: str, name: str, content: bytes) -> bytes:
    """Return a multipart form of one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


REFUSALS: Sequence[int] = (400, 404, 409, 413, 415, 422)
"""Statuses of a refusal that says what to do; anything from 500 on is a fault of the server's."""
