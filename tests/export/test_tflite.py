"""The TensorFlow Lite file by itself: what goes in and out, and what it says of itself."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.export.exporting import export
from regraft.export.tflite import square_side

pytest.importorskip("litert_torch")


def test_it_takes_squares(exported: Callable[[str], Any], small: Any) -> None:
    from ai_edge_litert.interpreter import Interpreter

    done = exported("tflite")
    side = small.backbones[0].preprocessing.short_side
    assert done.side == side
    interpreter = Interpreter(str(done.paths[0]))
    [images] = interpreter.get_input_details()
    assert images["shape"].tolist() == [1, side, side, 3] and images["dtype"] == np.uint8
    outputs = interpreter.get_output_details()
    assert sorted(output["shape"].tolist() for output in outputs) == [[1], [1, 3]]
    assert {output["dtype"] for output in outputs} == {np.float32}


def test_it_says_what_it_is(exported: Callable[[str], Any], small: Any) -> None:
    done = exported("tflite")
    with zipfile.ZipFile(done.paths[0]) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().split("\n") == ["blue", "green", "red"]
        assert json.loads(archive.read("classes.json")) == ["blue", "green", "red"]
        assert json.loads(archive.read("calibration.json")) == small.calibration.to_dict()
        said = json.loads(archive.read("regraft.json"))
    assert f"(n, {done.side}, {done.side}, 3)" in said["input"]["images"]
    assert list(said["output"]) == ["probabilities", "strangeness"]


def test_it_is_one_file_without_a_place_of_this_machine(
    exported: Callable[[str], Any], nowhere: Callable[[Path], None]
) -> None:
    [path] = exported("tflite").paths
    assert path.stat().st_size == exported("tflite").bytes
    nowhere(path)


def test_probabilities_are_told_from_strangeness(opened: Callable[[str], Any], exported: Callable[[str], Any]) -> None:
    side = exported("tflite").side
    probabilities, strangeness = opened("tflite")(np.full((2, side, side, 3), 90, np.uint8))
    assert probabilities.shape == (2, 3) and strangeness.shape == (2,)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_its_square_is_that_of_the_network_that_sees_most(small: Any) -> None:
    [backbone] = small.backbones
    larger = replace(backbone, preprocessing=replace(backbone.preprocessing, size=190))
    assert square_side([backbone, larger]) == larger.preprocessing.short_side == 200


def test_networks_that_crop_and_stretch_have_no_square_in_common(small: Any, tmp_path: Path) -> None:
    [backbone] = small.backbones
    stretched = replace(backbone, preprocessing=replace(backbone.preprocessing, resize="stretch"))
    both = replace(small, backbones=(backbone, stretched))
    with pytest.raises(UsageError, match="one and the same square, but these crop and stretch; choose another target"):
        export(both, tmp_path / "m.tflite", to="tflite")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'package litert_torch, .*run `pip install "regraft\[tflite\]"`'):
        export(small, tmp_path / "m.tflite", to="tflite")
    assert list(tmp_path.iterdir()) == []
