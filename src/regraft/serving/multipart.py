"""A multipart form, taken apart in memory: nothing of it is ever put on disk."""

from __future__ import annotations

import logging

from regraft.data.dataset import NOUNS
from regraft.serving.jobs import Example
from regraft.serving.refusals import Refused

NAME_LENGTH = 200
"""Characters of a file's name that come back in the answer."""

# It warns of each form that is none, and what came is not to be logged.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def field_names(modality: str) -> tuple[str, ...]:
    """Return what a form's fields may be called that hold examples."""
    return (*NOUNS[modality], "file", "files")


def form_examples(body: bytes, boundary: bytes, modality: str, most: int) -> list[Example]:
    """Return the examples in a multipart form.

    Parameters
    ----------
    body, boundary : bytes
    modality : {"image", "text", "audio"}
        What the model reads.
    most : int
        How many there may be.

    Raises
    ------
    Refused
        If it is no form, is cut off, has other fields, or too many.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    form = _Form(modality, most)
    callbacks = {
        "on_part_begin": form.begin,
        "on_header_field": form.header_name,
        "on_header_value": form.header_value,
        "on_header_end": form.header_end,
        "on_headers_finished": form.headers_finished,
        "on_part_data": form.data,
        "on_part_end": form.part_end,
        "on_end": form.end,
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise _no_form("is none") from None
    if not form.whole:
        raise _no_form("is cut off")
    return form.examples


def _no_form(what: str) -> Refused:
    return Refused(
        400,
        "bad-form",
        f"A body of multipart/form-data must be a whole form, but this {what}; let the client make it, such as "
        "`curl -F image=@FILE`.",
    )


class _Form:
    """What a parser tells of a form, put together to examples."""

    def __init__(self, modality: str, most: int) -> None:
        self.examples: list[Example] = []
        self.whole = False
        self._modality, self._most = modality, most
        self._name = self._value = b""
        self._field = self._file = ""
        self._data: list[bytes] = []

    def begin(self) -> None:
        if len(self.examples) >= self._most:
            raise too_many(self._most, self._modality)
        self._field, self._file, self._data = "", "", []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        from python_multipart.multipart import parse_options_header

        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._field = options.get(b"name", b"").decode("utf-8", "replace")
            self._file = options.get(b"filename", b"").decode("utf-8", "replace")
        self._name = self._value = b""

    def headers_finished(self) -> None:
        wanted = field_names(self._modality)
        if self._field not in wanted:
            raise Refused(
                422,
                "unknown-field",
                f"A form's fields must be called {wanted[0]} or {wanted[1]}, but one has another name or none; put "
                "top, coverage and model in the address.",
            )

    def data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def part_end(self) -> None:
        last = self._file.replace("\\", "/").rpartition("/")[2][:NAME_LENGTH]
        # It comes back in sentences, which no control character may break or turn round.
        name = "".join(character if character.isprintable() else "\ufffd" for character in last)
        fallback = f"{NOUNS[self._modality][0]} {len(self.examples)}"
        self.examples.append(Example(name or fallback, b"".join(self._data)))

    def end(self) -> None:
        self.whole = True


def too_many(most: int, modality: str) -> Refused:
    """Return what is said to a request of too many examples."""
    return Refused(
        422,
        "too-many",
        f"A request must have at most {most:,} {NOUNS[modality][1]}, but more came; send several requests.",
    )
