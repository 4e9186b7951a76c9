"""From a request's body to examples: a form, JSON with base64, or the bytes of one example as they are."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from regraft.data.dataset import NOUNS
from regraft.serving.jobs import Example
from regraft.serving.multipart import form_examples, too_many
from regraft.serving.refusals import Refused

MOST_MARKS = 1_000_000
"""Brackets, braces and commas that a JSON body may have: small ones could stand for gigabytes of empty lists."""

RAW = ("application/octet-stream", "image/", "audio/", "text/plain", "application/ogg")
"""Content types, or their beginnings, of a body that is one example itself."""


def read_examples(
    body: bytes, content_type: str | None, encoding: str | None, modality: str, most: int
) -> list[Example]:
    """Return the examples of a request.

    Parameters
    ----------
    body : bytes
    content_type, encoding : str or None
        Its headers Content-Type and Content-Encoding.
    modality : {"image", "text", "audio"}
        What the model reads.
    most : int
        How many there may be.

    Raises
    ------
    Refused
        If it is empty, of another type, no form, no JSON, or has other fields or too many.
    """
    from python_multipart.multipart import parse_options_header

    if encoding and encoding.strip().lower() != "identity":
        raise Refused(
            415, "encoded", "The body must come as it is, but Content-Encoding says otherwise; send it uncompressed."
        )
    thing, things = NOUNS[modality]
    kind, options = parse_options_header(content_type)
    named = kind.decode("latin-1").strip()
    if named and not named.startswith(("multipart/form-data", "application/json", *RAW)):
        raise Refused(
            415,
            "unknown-type",
            f"Content-Type must be multipart/form-data, application/json, or the type of one {thing} such as "
            f"application/octet-stream, not {named[:100]!r}; name it with the request.",
        )
    if not body:
        raise Refused(422, "empty", f"The body must hold {things}, but is empty (0 bytes); send at least one {thing}.")
    if named == "application/json":
        examples = _json_examples(body, modality, most)
    elif named == "multipart/form-data":
        if not options.get(b"boundary"):
            raise Refused(
                400, "bad-form", "Content-Type multipart/form-data must name its boundary; let the client make it."
            )
        examples = form_examples(body, options[b"boundary"], modality, most)
    else:
        examples = [Example(f"{thing} 0", body)]
    if not examples:
        raise Refused(422, "empty", f"A request must have at least one {thing}, but has none; send one.")
    return examples


def _json_examples(body: bytes, modality: str, most: int) -> list[Example]:
    thing, things = NOUNS[modality]
    if sum(map(body.count, (b"[", b"{", b","))) > MOST_MARKS:
        raise Refused(
            413,
            "too-many",
            f"JSON must have at most {MOST_MARKS:,} brackets, braces and commas, but has more; send several requests.",
        )
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(
            400, "bad-json", f"A body of application/json must be JSON in UTF-8, such as {_sample(modality)}; check it."
        ) from None
    values = _values(said, modality)
    if len(values) > most:
        raise too_many(most, modality)
    if not all(isinstance(value, str) for value in values):
        raise Refused(
            422,
            "bad-value",
            f"Each of the {things} must be a string, but another value came; send {_sample(modality)}.",
        )
    return [_example(value, f"{thing} {position}", modality) for position, value in enumerate(values)]


def _values(said: Any, modality: str) -> list[Any]:
    """Return what stands in a JSON body for the examples."""
    thing, things = NOUNS[modality]
    if isinstance(said, dict) and len(said) == 1:
        [(key, value)] = said.items()
        if key == thing:
            return [value]
        if key == things and isinstance(value, list):
            return value
        if any(key in nouns for other, nouns in NOUNS.items() if other != modality):
            raise Refused(
                409,
                "other-modality",
                f"This model names {things}, but the body has the field {key}; choose another model.",
            )
    raise Refused(422, "unknown-field", f"JSON must have one field, {thing} or {things}: {_sample(modality)}.")


def _sample(modality: str) -> str:
    """Return a body that would be right."""
    thing, things = NOUNS[modality]
    what = "..." if modality == "text" else "base64"
    return f'{{"{thing}": "{what}"}} or {{"{things}": ["{what}", "{what}"]}}'


def _example(value: str, name: str, modality: str) -> Example:
    if modality == "text":
        return Example(name, value.encode("utf-8", "surrogatepass"))
    if value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        return Example(name, base64.b64decode("".join(value.split()), validate=True))
    except (binascii.Error, ValueError):
        return Example(name, b"", "not base64, which the bytes must be written in")
