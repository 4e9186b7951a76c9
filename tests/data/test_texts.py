"""What is a text, what only bears a text's name, and what is made of the odd ones."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from regraft.data.images import read_bytes
from regraft.data.texts import MAX_BYTES, decode
from regraft.errors import UnreadableText


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text", ["plain", "naïve café", "🦜 and 👩‍👩‍👧", "שלום עולם", "\u202bمرحبا\u202c", "花が咲く\n"]
)
def test_what_is_read(text, codec):
    assert decode(text.encode(codec)) == text


def test_a_megabyte_is_read_whole():
    text = "word " * 210_000
    assert decode(text.encode()) == text


def test_halves_of_characters():
    assert decode(read_bytes("a \ud83d b")) == "a \ufffd b"
    assert decode(read_bytes("a \ud83d\ude00 b")) == "a 😀 b"


def test_python_text_goes_the_same_road():
    assert decode(read_bytes("schön 🦜")) == "schön 🦜"


@pytest.mark.parametrize("raw", [b" \n\t \r\n", "\u200b\u200e\ufeff ".encode(), "\ufeff".encode("utf-16")])
def test_white_space(raw):
    with pytest.raises(UnreadableText, match="empty"):
        decode(raw)


def test_nothing():
    with pytest.raises(UnreadableText, match=r"empty \(0 bytes\)"):
        decode(b"")


def test_another_encoding():
    words = r"not UTF-8 text \(byte 0xe9 at 3\); save it as UTF-8, for Western texts often by `iconv"
    with pytest.raises(UnreadableText, match=words):
        decode("café au lait".encode("latin-1"))


def test_utf_16_without_its_mark():
    for codec in ("utf-16-le", "utf-16-be"):
        with pytest.raises(UnreadableText, match="UTF-16 text without its byte order mark; save it as UTF-8"):
            decode("an ordinary sentence".encode(codec))


def test_damaged_utf_16():
    with pytest.raises(UnreadableText, match=r"damaged UTF-16 text \(at byte 4\); save it as UTF-8"):
        decode("ab".encode("utf-16")[:-1])


def test_zero_bytes():
    with pytest.raises(UnreadableText, match=r"not a text \(it holds zero bytes, as binary files do\)"):
        decode(b"abcdefghijk\0\x01\x02")


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (_picture("JPEG"), "an image"),
        (_picture("PNG"), "an image"),
        (_zip(), "a zip archive or an office document; save it as plain text"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a sound"),
        (b"ID3\x03\0\0\0", "a sound"),
        (b"%PDF-1.7 ...", "PDF; save it as plain text"),
        (b"\x1f\x8b\x08\0", "a compressed archive"),
        (rb"{\rtf1\ansi Hello}", "RTF; save it as plain text"),
        (b"\x7fELF\x02\x01\x01\0", "a program"),
        (b"PAR1\x15\0\x15\0", "a table or a database"),
    ],
)
def test_other_files_under_a_texts_name(raw, words):
    with pytest.raises(UnreadableText, match=rf"not a text \(looks like {words}\)"):
        decode(raw)


@pytest.mark.parametrize("text", ["ID3 tags are read", "PAR1 is a name", "Rar! he said", "BZh5"])
def test_texts_that_begin_as_other_files_do(text):
    assert decode(text.encode()) == text


def test_an_array():
    with pytest.raises(UnreadableText, match=r"not a text \(an array\)"):
        decode(np.zeros((4, 4), np.uint8))


def test_a_library():
    with pytest.raises(UnreadableText, match="more than the limit of 64 MB for one text"):
        decode(b"a" * (MAX_BYTES + 1))
