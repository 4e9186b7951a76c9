"""Answers as JSON, whatever characters are in them."""

from __future__ import annotations

import json

from regraft.serving.answers import as_json


def test_names_that_are_no_utf8_can_be_told() -> None:
    answer = as_json({"classes": ["r\udce9d", "Grün"]}, 404, {"X-Own": "1"})
    assert json.loads(answer.body) == {"classes": ["r\udce9d", "Grün"]}
    assert (answer.status_code, answer.headers["content-type"], answer.headers["x-own"]) == (
        404,
        "application/json",
        "1",
    )
