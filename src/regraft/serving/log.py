"""One JSON line for each request, on stderr: never a file's name, an address' values or anything of the contents."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("regraft.serving")


class JsonLines(logging.Formatter):
    """A record as one line of JSON; what a request's line has comes in the record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        values: dict[str, Any] = {"time": time, "level": record.levelname.lower()}
        values |= getattr(record, "fields", None) or {"message": record.getMessage()}
        return json.dumps(values)


def log_to_stderr(*, quiet: bool) -> None:
    """Send the server's lines to stderr; where it shall be quiet, only what went wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for logger, level in ((LOGGER, logging.INFO), (logging.getLogger("uvicorn"), logging.WARNING)):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if quiet else level)


@contextmanager
def decoders_silenced() -> Iterator[None]:
    """Keep what decoders print themselves out of the log: libjpeg complains of each damaged file on stderr.

    Python writes to stderr as before; what is not Python's is lost.
    """
    try:
        own = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError:  # there is no stderr
        yield
        return
    before, nowhere = sys.stderr, os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        sys.stderr = own
        yield
    finally:
        sys.stderr = before
        os.dup2(own.fileno(), 2)
        os.close(nowhere)
        own.close()


def log_request(fields: dict[str, Any]) -> None:
    """Write the line of one request."""
    LOGGER.info("request", extra={"fields": fields})


def log_error(request: str, error: BaseException) -> None:
    """Write what went wrong and where, without the error's words: they may quote what was sent."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    LOGGER.error("error", extra={"fields": {"request": request, "error": type(error).__name__, "where": where}})
