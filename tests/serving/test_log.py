"""One JSON line a request, and no word of what was sent."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from regraft.serving.log import LOGGER, decoders_silenced, log_error, log_request, log_to_stderr


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Put the loggers back as they were."""
    both = (LOGGER, logging.getLogger("uvicorn"))
    before = [(logger.handlers, logger.propagate, logger.level) for logger in both]
    yield
    for logger, (handlers, propagate, level) in zip(both, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_request_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(quiet=False)
    log_request({"route": "/v1/predict", "status": 200})
    logging.getLogger("uvicorn.error").warning("Invalid HTTP\nrequest received.")
    logging.getLogger("uvicorn.error").info("Started")
    first, second = lines(capsys)
    assert (first["route"], first["status"], first["level"]) == ("/v1/predict", 200, "info")
    assert first["time"].endswith("+00:00")
    assert (second["level"], second["message"]) == ("warning", "Invalid HTTP\nrequest received.")


def test_what_decoders_print_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with decoders_silenced():
        os.write(2, b"Corrupt JPEG data\n")
        print("said", file=sys.stderr)
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "said\nafterwards\n"


def test_quiet_leaves_out_all_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(quiet=True)
    log_request({"status": 200})
    log_error("ab12", ValueError("x"))
    [line] = lines(capsys)
    assert line["error"] == "ValueError"


def test_an_error_says_where_but_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    def decode(text: str) -> None:
        raise ValueError(f"{text} cannot be decoded")

    log_to_stderr(quiet=False)
    try:
        decode("a private letter")
    except ValueError as error:
        log_error("ab12", error)
    [line] = lines(capsys)
    assert (line["request"], line["error"], line["level"]) == ("ab12", "ValueError", "error")
    assert line["where"][-1].startswith("test_log.py:") and line["where"][-1].endswith(" decode")
    assert "private" not in json.dumps(line)
