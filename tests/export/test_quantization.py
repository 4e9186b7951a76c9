"""int8 really is: whole numbers of 8 bits in every convolution, and nearly the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.data.images import decode, read_bytes
from regraft.export import targets

pytest.importorskip("nncf")
CONVOLUTIONS = ("Convolution", "GroupConvolution")
GATES = ".se."
"""Of single pixels, which NNCF leaves in float32; the networks that come with Regraft have none."""


@pytest.fixture(scope="module")
def images(colours: Path) -> list[np.ndarray]:
    return [decode(read_bytes(path)) for path in sorted(colours.rglob("*.jpg"))]


@pytest.fixture(scope="module")
def eight(
    exported: Callable[[str], Any], images: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Return a function that gives the small classifier's file of a kind in int8."""
    made: dict[str, Path] = {}

    def give(kind: str) -> Path:
        if kind not in made:
            target, path = targets.find(kind), exported(kind).paths[0]
            assert target.quantize is not None
            made[kind] = tmp_path_factory.mktemp("int8") / f"m{path.suffix}"
            target.quantize(path, images, made[kind])
        return made[kind]

    return give


def size(path: Path, kind: str) -> int:
    return sum(path.with_suffix(end).stat().st_size for end in (path.suffix, *targets.find(kind).beside))


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_it_is_smaller_and_says_nearly_the_same(
    kind: str,
    eight: Callable[[str], Path],
    exported: Callable[[str], Any],
    opened: Callable[[str], Any],
    images: list[np.ndarray],
    nowhere: Callable[[Path], None],
) -> None:
    path = eight(kind)
    # A network this tiny has more graph than weights.
    weights = path.with_suffix(".bin") if kind == "openvino" else path
    before = exported(kind).paths[-1]
    assert weights.stat().st_size < 0.95 * before.stat().st_size
    nowhere(path)
    run = targets.find(kind).open(path, "int8")
    found = np.concatenate([run(image[None])[0] for image in images])
    expected = np.concatenate([opened(kind)(image[None])[0] for image in images])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.8


def test_every_convolution_in_onnx_is_in_8_bits_and_activations_have_no_sign(eight: Callable[[str], Path]) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(eight("onnx")))
    onnx.checker.check_model(model)
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    kinds = {array.name: array.data_type for array in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv" and GATES not in node.input[1]]
    assert len(convolutions) > 10
    for node in convolutions:
        assert [made_by[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2, node.name
        assert kinds[made_by[node.input[1]].input[0]] == onnx.TensorProto.INT8
    quantizing = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert quantizing and {kinds[node.input[2]] for node in quantizing} == {onnx.TensorProto.UINT8}
    activations = {node.output[0] for node in quantizing}
    undoing = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in activations]
    assert {kinds[node.input[2]] for node in undoing} == {onnx.TensorProto.UINT8}
    # What no node takes would be warned of whenever the file is opened.
    used = {name for node in graph.node for name in node.input}
    assert set(kinds) <= used


def test_every_convolution_in_openvino_is_in_8_bits(eight: Callable[[str], Path]) -> None:
    import openvino

    graph = openvino.Core().read_model(str(eight("openvino")))
    convolutions = [node for node in graph.get_ops() if node.get_type_name() in CONVOLUTIONS]
    convolutions = [node for node in convolutions if GATES not in node.get_friendly_name()]
    assert len(convolutions) > 10
    whole = {openvino.Type.i8, openvino.Type.u8}
    for node in convolutions:
        pixels, weights = (node.input_value(position).get_node() for position in (0, 1))
        assert pixels.get_type_name() == "FakeQuantize", node.get_friendly_name()
        chain = [weights]
        while chain[-1].get_type_name() != "Constant":
            chain.append(chain[-1].input_value(0).get_node())
        rounded = "FakeQuantize" in {part.get_type_name() for part in chain}
        assert rounded or chain[-1].get_element_type() in whole, node.get_friendly_name()


def test_all_before_and_behind_the_networks_stays_in_float32(eight: Callable[[str], Path]) -> None:
    import onnx
    import openvino

    from regraft.export.onnx import _is_kept

    model = onnx.load(str(eight("onnx")))
    made_by = {name: node for node in model.graph.node for name in node.output}
    kept = [node for node in model.graph.node if _is_kept(node)]
    inside = {name for node in kept for name in node.output}
    between = [name for node in kept for name in node.input if name in inside]
    assert between and not any("QuantizeLinear" in made_by[name].op_type for name in between)
    graph = openvino.Core().read_model(str(eight("openvino")))
    parts = ("__module.squares", "__module.head", "__module.calibration", "__module.strangeness")
    for node in graph.get_ops():
        if node.get_type_name() == "MatMul" and node.get_friendly_name().startswith(parts):
            kinds = {node.input_value(position).get_node().get_type_name() for position in (0, 1)}
            assert "FakeQuantize" not in kinds, node.get_friendly_name()


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_what_the_file_says_of_itself_is_kept(kind: str, eight: Callable[[str], Path]) -> None:
    import json

    path = eight(kind)
    if kind == "onnx":
        import onnx

        said = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}["classes"]
    else:
        import openvino

        said = openvino.Core().read_model(str(path)).get_rt_info(["regraft", "classes"]).astype(str)
    assert json.loads(said) == ["blue", "green", "red"]
