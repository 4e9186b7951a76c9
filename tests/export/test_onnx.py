"""The ONNX file by itself: what goes in and out, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.export import targets
from regraft.export.onnx import OPSET
from regraft.export.target import Job

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def model(exported: Callable[[str], Any]) -> Any:
    return onnx.load(str(exported("onnx").paths[0]))


def test_it_is_sound_and_of_its_opset(model: Any) -> None:
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}["ai.onnx"] == OPSET


def test_sizes_are_open_and_have_names(model: Any) -> None:
    def axes(value: Any) -> list[Any]:
        return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]

    [images] = model.graph.input
    assert (images.name, axes(images)) == ("images", ["n", "height", "width", 3])
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    probabilities, strangeness = model.graph.output
    assert (probabilities.name, axes(probabilities)) == ("probabilities", ["n", 3])
    assert strangeness.name == "strangeness" and axes(strangeness)[0] == "n"
    assert {output.type.tensor_type.elem_type for output in model.graph.output} == {onnx.TensorProto.FLOAT}


def test_it_says_what_it_is(model: Any, small: Any) -> None:
    said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert said["classes"] == ["blue", "green", "red"]
    assert said["calibration"] == small.calibration.to_dict()
    assert set(said["regraft"]["input"]) == {"images"}
    assert list(said["regraft"]["output"]) == ["probabilities", "strangeness"]


def test_it_is_one_file_without_a_place_of_this_machine(
    exported: Callable[[str], Any], nowhere: Callable[[Path], None]
) -> None:
    [path] = exported("onnx").paths
    assert path.stat().st_size == exported("onnx").bytes
    nowhere(path)


def test_it_takes_several_images_of_one_size_at_once(opened: Callable[[str], Any]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 50, 90, 3)).astype(np.uint8)
    together = opened("onnx")(images)
    assert [output.shape[0] for output in together] == [3, 3]
    for number in range(3):
        alone = opened("onnx")(images[number : number + 1])
        np.testing.assert_allclose(together[0][number], alone[0][0], atol=1e-4)


@pytest.mark.parametrize("module", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import find_spec

    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None if name == module else find_spec(name))
    with pytest.raises(UsageError, match=rf'package {module}, .*run `pip install "regraft\[export\]"`'):
        targets.find("onnx").write(Job(None, [], {}), tmp_path / "m.onnx")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
