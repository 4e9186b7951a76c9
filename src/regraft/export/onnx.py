"""A classifier as one ONNX file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from regraft._optional import import_or_raise
from regraft.export.about import INPUT, entries
from regraft.export.quantization import PARTS_KEPT, quantized
from regraft.export.target import Job, Outputs, Run, Target, cannot
from regraft.export.torch import program

OPSET = 18

SCOPES = "pkg.torch.onnx.name_scopes"
"""Under which a node remembers the part of the network that it comes from."""


def _write(job: Job, path: Path) -> None:
    import_or_raise("onnx", extra="export")
    import_or_raise("onnxscript", extra="export")
    import torch

    exported = program(job.network)
    try:
        with _silence():
            model = torch.onnx.export(
                exported, dynamo=True, input_names=[INPUT], output_names=job.names, opset_version=OPSET
            )
    except Exception as error:  # the converter has kinds of its own
        raise cannot("ONNX", error) from error
    assert model is not None
    for key, text in entries(job.about).items():
        model.model.metadata_props[key] = text
    _name_axes(model.model)
    for node in model.model.graph:
        # What else the converter notes down are lines and paths of this machine's programs.
        scopes = node.metadata_props.get(SCOPES)
        node.metadata_props.clear()
        if scopes is not None:
            node.metadata_props[SCOPES] = scopes
    model.save(path, include_initializers=True)


def _name_axes(model: Any) -> None:
    """Call the open sizes what they are."""
    [images] = model.graph.inputs
    names = {str(axis): name for axis, name in zip(images.shape, ("n", "height", "width"), strict=False)}
    for value in (*model.graph.inputs, *model.graph.outputs):
        for position, axis in enumerate(value.shape):
            if str(axis) in names:
                value.shape[position] = names[str(axis)]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the converter's progress off the terminal."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.getLogger("torch.onnx").setLevel(level)


def _open(path: Path, precision: str) -> Run:
    runtime = import_or_raise("onnxruntime", extra="export")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(pixels: np.ndarray) -> Outputs:
        return tuple(session.run(None, {INPUT: pixels}))

    return run


def _quantize(path: Path, images: list[np.ndarray], new: Path) -> None:
    onnx = import_or_raise("onnx", extra="export")
    model = onnx.load(str(path))
    kept = [node.name for node in model.graph.node if _is_kept(node)]
    said = {entry.key: entry.value for entry in model.metadata_props}
    # ONNX Runtime has no convolutions in int8 whose input is scaled channel by channel.
    small = quantized(model, [{INPUT: image[None]} for image in images], names=kept, by_channel=False)
    _without_signs(small)
    onnx.helper.set_model_props(small, said)
    onnx.save(small, str(new))


def _is_kept(node: Any) -> bool:
    """Return whether a node stays in float32: all before and after the networks does."""
    scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "")
    return any(f"'{part}" in scopes for part in PARTS_KEPT)


def _without_signs(model: Any) -> None:
    """Write all activations as uint8: 128 is added to them and to their zero.

    ONNX Runtime computes convolutions in float32 that take the one kind of whole numbers and give the other.
    """
    onnx = import_or_raise("onnx", extra="export")
    graph = model.graph
    arrays = {array.name: array for array in graph.initializer}
    activations = {node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    moved: dict[str, Any] = {}
    changed: set[str] = set()
    for node in graph.node:
        gives, takes = node.op_type == "QuantizeLinear", node.op_type == "DequantizeLinear"
        if not gives and not (takes and node.input[0] in activations):
            continue
        zero = arrays[node.input[2]]
        if zero.data_type != onnx.TensorProto.INT8:
            continue
        name = f"{zero.name}_unsigned"
        if name not in moved:
            values = onnx.numpy_helper.to_array(zero).astype(np.int16) + 128
            moved[name] = onnx.numpy_helper.from_array(values.astype(np.uint8), name)
            graph.initializer.append(moved[name])
        node.input[2] = name
        changed.update(node.output if gives else ())
    used = {name for node in graph.node for name in node.input}
    for name in [zero.name for zero in arrays.values() if zero.name not in used]:
        graph.initializer.remove(arrays[name])
    known = [value for value in graph.value_info if value.name not in changed]
    del graph.value_info[:]
    graph.value_info.extend(known)


TARGET = Target("onnx", ".onnx", _write, _open, lambda: ("f32",), quantize=_quantize)
