"""Forms taken apart in memory."""

from __future__ import annotations

import httpx
import pytest

from regraft.serving.multipart import form_examples
from regraft.serving.refusals import Refused

BOUNDARY = b"b0undary"


def form(*parts: tuple[str, bytes]) -> bytes:
    """Return a form of parts, each its headers and its contents."""
    lines = [b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(lines) + b"--" + BOUNDARY + b"--\r\n"


def named(name: str, file: str | None = None) -> str:
    return f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{file}"' if file is not None else "")


def read(body: bytes, modality: str = "image", most: int = 3) -> list[tuple[str, bytes]]:
    return [(example.name, example.raw) for example in form_examples(body, BOUNDARY, modality, most)]


def test_files_under_any_of_the_names() -> None:
    contents = bytes(range(256)) * 3 + b"\r\n--b0und"
    body = form((named("image", "a.jpg"), contents), (named("images", "b.jpg"), b""), (named("file"), b"c"))
    assert read(body) == [("a.jpg", contents), ("b.jpg", b""), ("image 2", b"c")]
    assert read(form((named("text"), b"It broke.")), "text") == [("text 0", b"It broke.")]


def test_it_is_what_clients_send() -> None:
    request = httpx.Request("POST", "http://x", files=[("image", ("Füchsin.jpg", b"abc")), ("image", ("b", b"d"))])
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found = form_examples(request.read(), boundary, "image", 2)
    assert [example.raw for example in found] == [b"abc", b"d"]
    assert found[0].name == "Füchsin.jpg"


def test_folders_are_no_part_of_a_name() -> None:
    body = form((named("image", "/home/me/a.jpg"), b"a"), (named("image", "C:\\\\me\\\\b.jpg"), b"b"))
    assert [name for name, _ in read(body)] == ["a.jpg", "b.jpg"]
    assert len(read(form((named("image", "x" * 1000), b"a")))[0][0]) == 200


def test_control_characters_do_not_come_back_in_a_name() -> None:
    body = form((named("image", "a\x1b[31m\u202egpj.b\u2028c.jpg"), b"a"))
    assert read(body)[0][0] == "a\ufffd[31m\ufffdgpj.b\ufffdc.jpg"


@pytest.mark.parametrize("head", [named("photo"), "Content-Type: image/jpeg", named("top")])
def test_other_fields_are_refused(head: str) -> None:
    with pytest.raises(Refused, match="must be called image or images") as refused:
        read(form((head, b"a")))
    assert refused.value.status == 422


def test_too_many_are_refused_before_the_rest_is_kept() -> None:
    with pytest.raises(Refused, match="at most 3 images") as refused:
        read(form(*[(named("image"), b"a")] * 10_000))
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "body",
    [
        b"no form",
        form((named("image"), b"a"))[:-12],
        form((named("image"), b"a")).replace(b"b0undary", b"another"),
        form(("no header", b"a")),
        form((f"X: {'x' * 100_000}", b"a")),
        b"--b0undary\r\n" + b"X: y\r\n" * 1000 + b"\r\n\r\n--b0undary--\r\n",
    ],
    ids=["text", "cut off", "other boundary", "no colon", "long header", "many headers"],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="must be a whole form") as refused:
        read(body)
    assert refused.value.status == 400
