"""Texts from bytes: what they are written in, what is none, and how much of a long one is read."""

from __future__ import annotations

import codecs
import re

import numpy as np

from regraft.errors import UnreadableText

BEGINNING = 20_000
"""Characters of a text that an encoder is shown: it reads 512 pieces of words at most, which are far fewer."""

MAX_BYTES = 64 * 2**20
"""Larger texts are refused before they are decoded: they are libraries, not examples."""

# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)

# What people save under a text's name; looked for where the bytes are no text, since a text may begin "ID3 tags".
_STRANGERS = (
    (re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|II\*\0|MM\0\*|RIFF.{4}WEBP", re.DOTALL), "an image"),
    (re.compile(rb"RIFF.{4}WAVE|fLaC|OggS|ID3|\xff[\xfb\xf3\xf2]", re.DOTALL), "a sound"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video"),
    (re.compile(rb"PK\x03\x04"), "a zip archive or an office document; save it as plain text"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an office document; save it as plain text"),
    (re.compile(rb"\x1f\x8b|BZh\d|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!"), "a compressed archive"),
    (re.compile(rb"PAR1|\x89HDF\r\n|SQLite format 3\0"), "a table or a database"),
    (re.compile(rb"\x7fELF|MZ.{2}\0\0", re.DOTALL), "a program"),
)

# Those that can be made of letters alone.
_DOCUMENTS = (
    (re.compile(rb"%PDF-\d"), "PDF; save it as plain text"),
    (re.compile(rb"\{\\rtf\d"), "RTF; save it as plain text"),
)


def decode(raw: bytes | np.ndarray) -> str:
    """Return the text that bytes hold: UTF-8, or UTF-16 or UTF-32 behind a byte order mark.

    All of a text is returned, however long up to `MAX_BYTES`; an encoder is shown its `BEGINNING`. Halves of
    characters that stand alone (lone surrogates, as broken JSON leaves them) become U+FFFD.

    Parameters
    ----------
    raw : bytes
        As `regraft.data.images.read_bytes` gave them.

    Returns
    -------
    str

    Raises
    ------
    UnreadableText
        With the reason, in a few words: of another encoding, no text at all, empty, too long.
    """
    if not isinstance(raw, bytes):
        raise UnreadableText("not a text (an array)")
    if len(raw) > MAX_BYTES:
        raise UnreadableText(f"{len(raw) / 2**20:.0f} MB, more than the limit of {MAX_BYTES // 2**20} MB for one text")
    text = _decoded(raw)
    # Marks of direction and joiners are neither printable nor white space, and say nothing alone.
    if not any(character.isprintable() and not character.isspace() for character in text):
        raise UnreadableText("empty (nothing but white space)" if text else "empty (0 bytes)")
    return text


def beginning(text: str) -> str:
    """Return as much of a text as an encoder is shown."""
    return text if len(text) <= BEGINNING else text.lstrip()[:BEGINNING]


def _decoded(raw: bytes) -> str:
    for mark, codec, name in _MARKS:
        if raw.startswith(mark):
            try:
                return raw.decode(codec)
            except UnicodeDecodeError as error:
                raise UnreadableText(f"damaged {name} text (at byte {error.start}); save it as UTF-8") from None
    _refuse(raw, _DOCUMENTS)
    if b"\0" in raw:
        _refuse(raw, _STRANGERS)
        raise UnreadableText(_with_zeros(raw[:4096]))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(raw, _STRANGERS)
        return _mended(raw, error)


def _refuse(raw: bytes, kinds: tuple[tuple[re.Pattern[bytes], str], ...]) -> None:
    for signature, name in kinds:
        if signature.match(raw[:16]):
            raise UnreadableText(f"not a text (looks like {name})")


def _with_zeros(first: bytes) -> str:
    """Return what bytes with zeros among them are: every other byte of UTF-16 is mostly zero."""
    for half in (first[0::2], first[1::2]):
        if len(half) > 1 and half.count(0) > 0.4 * len(half) and first.count(0) < 0.7 * len(first):
            return "UTF-16 text without its byte order mark; save it as UTF-8"
    return "not a text (it holds zero bytes, as binary files do)"


def _mended(raw: bytes, error: UnicodeDecodeError) -> str:
    """Return a text with halves of characters in it: pairs joined, those alone replaced."""
    try:
        halves = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise UnreadableText(
            f"not UTF-8 text (byte 0x{raw[error.start]:02x} at {error.start}); save it as UTF-8, for Western texts "
            "often by `iconv -f WINDOWS-1252 -t UTF-8`"
        ) from None
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
