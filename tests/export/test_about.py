"""What a file says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import regraft
from regraft.export.about import about, entries, outputs


def test_all_that_a_reader_needs_is_there(small: Any) -> None:
    found = about(small, "f32")
    assert found["producer"] == f"regraft {regraft.__version__}"
    assert found["classes"] == ["blue", "green", "red"]
    assert found["calibration"] == small.calibration.to_dict()
    assert (found["head"], found["precision"]) == ("centroid", "f32")
    assert "(n, height, width, 3)" in found["input"]["images"]
    assert set(found["output"]) == {"probabilities", "strangeness"}
    [backbone] = found["backbones"]
    assert backbone["name"] == "test_efficientnet" and set(backbone) == {"name", "weights_sha256", "licence"}


def test_a_square_is_said(small: Any) -> None:
    assert "(n, 160, 160, 3)" in about(small, "f32", 160)["input"]["images"]


def test_what_is_not_told_does_not_come_out(small: Any) -> None:
    unable = replace(small, familiarity=None)
    assert outputs(small) == ["probabilities", "strangeness"]
    assert outputs(unable) == list(about(unable, "f32")["output"]) == ["probabilities"]


def test_entries_are_json_of_their_own(small: Any) -> None:
    values = about(small, "int8")
    texts = entries(values)
    assert {key: json.loads(text) for key, text in texts.items()} == {
        "regraft": values,
        "classes": values["classes"],
        "calibration": values["calibration"],
    }
