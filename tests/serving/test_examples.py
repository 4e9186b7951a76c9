"""From bodies to examples: forms, JSON, and bytes as they are."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from regraft.serving.examples import MOST_MARKS, read_examples
from regraft.serving.refusals import Refused

B64 = base64.b64encode(b"abc").decode()


def read(body: bytes, kind: str | None, modality: str = "image", encoding: str | None = None, most: int = 3) -> Any:
    found = read_examples(body, kind, encoding, modality, most)
    return [(example.name, example.raw) for example in found]


def read_json(said: Any, modality: str = "image") -> Any:
    return read(json.dumps(said).encode(), "application/json", modality)


@pytest.mark.parametrize("kind", ["image/jpeg", "image/x-own", "application/octet-stream", None, "", "text/plain"])
def test_bytes_as_they_are(kind: str | None) -> None:
    assert read(b"abc", kind) == [("image 0", b"abc")]


def test_json_of_one_and_of_many() -> None:
    assert read_json({"image": B64}) == [("image 0", b"abc")]
    assert read_json({"images": [B64, f"data:image/png;base64,{B64}", "YW\nJj"]}) == [
        ("image 0", b"abc"),
        ("image 1", b"abc"),
        ("image 2", b"abc"),
    ]
    assert read_json({"recording": B64}, "audio") == [("recording 0", b"abc")]


def test_texts_are_no_base64() -> None:
    assert read_json({"texts": ["Grüße", "\ud800"]}, "text") == [
        ("text 0", "Grüße".encode()),
        ("text 1", b"\xed\xa0\x80"),
    ]


@pytest.mark.parametrize("value", ["a", "*", "Zürich", "YQ"], ids=["one", "star", "umlaut", "unfilled"])
def test_what_is_not_base64_is_a_matter_of_that_image_alone(value: str) -> None:
    body = json.dumps({"images": [value, B64]}).encode()
    bad, good = read_examples(body, "application/json", None, "image", 3)
    assert bad.problem is not None and "base64" in bad.problem
    assert (good.problem, good.raw) == (None, b"abc")


@pytest.mark.parametrize(
    ("said", "status", "match"),
    [
        ({}, 422, "one field, image or images"),
        ([], 422, "one field"),
        ("abc", 422, "one field"),
        ({"image": "YQ==", "top": 3}, 422, "one field"),
        ({"photo": "YQ=="}, 422, "one field"),
        ({"images": "YQ=="}, 422, "one field"),
        ({"image": 3}, 422, "must be a string"),
        ({"image": None}, 422, "must be a string"),
        ({"images": [["YQ=="]]}, 422, "must be a string"),
        ({"images": []}, 422, "at least one image"),
        ({"images": ["YQ=="] * 10_000}, 422, "at most 3 images"),
        ({"text": "It broke."}, 409, "This model names images"),
    ],
    ids=["nothing", "list", "string", "two", "other", "no list", "number", "null", "nested", "none", "10,000", "text"],
)
def test_other_json_is_refused(said: Any, status: int, match: str) -> None:
    with pytest.raises(Refused, match=match) as refused:
        read_json(said)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 100_000, b"9" * 5000, b'{"image": "a'], ids=["cut", "bytes", "deep", "long", "open"]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read(body, "application/json; charset=utf-8")
    assert refused.value.status == 400 and "must be JSON" in refused.value.message


def test_small_json_that_would_be_large_in_memory_is_refused() -> None:
    with pytest.raises(Refused, match="brackets") as refused:
        read(b"[" + b"[]," * MOST_MARKS + b"[]]", "application/json")
    assert refused.value.status == 413


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b", "image/png", None])
def test_an_empty_body_is_refused(kind: str | None) -> None:
    with pytest.raises(Refused, match=r"is empty \(0 bytes\)") as refused:
        read(b"", kind)
    assert refused.value.status == 422


@pytest.mark.parametrize("kind", ["application/xml", "application/x-www-form-urlencoded", "text/html", "nonsense"])
def test_other_types_are_refused(kind: str) -> None:
    with pytest.raises(Refused, match="Content-Type must be") as refused:
        read(b"abc", kind)
    assert refused.value.status == 415


def test_what_is_compressed_is_refused() -> None:
    with pytest.raises(Refused, match="uncompressed") as refused:
        read(b"abc", "image/png", encoding="gzip")
    assert refused.value.status == 415
    assert read(b"abc", "image/png", encoding="identity") == [("image 0", b"abc")]


def test_a_form_names_its_boundary() -> None:
    with pytest.raises(Refused, match="boundary") as refused:
        read(b"abc", "multipart/form-data")
    assert refused.value.status == 400
