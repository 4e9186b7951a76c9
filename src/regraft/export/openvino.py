"""A classifier as an OpenVINO graph: an `.xml` with its `.bin` beside it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from regraft.export.about import INPUT, entries
from regraft.export.quantization import PARTS_KEPT, quantized
from regraft.export.target import Job, Outputs, Run, Target, cannot
from regraft.features.engine_openvino import MIXED, precisions

KEPT = rf"__module\.({'|'.join(PARTS_KEPT)})\W.*"
"""Names of the nodes before and behind the networks."""


def _write(job: Job, path: Path) -> None:
    import openvino
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # openvino.convert_model() reports to its makers over the network unless told not to; its parts do not.
    frontend = FrontEndManager().load_by_framework("pytorch")
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # tracing is deprecated in torch, and still what OpenVINO takes best
            example = torch.zeros(2, 300, 280, 3, dtype=torch.uint8)
            traced = torch.jit.trace(job.network, example, strict=False, check_trace=False)
            decoder = TorchScriptPythonDecoder(traced)  # by a name, so that it lives until the graph is made
            graph = frontend.convert(frontend.load(decoder))
            graph.reshape([-1, -1, -1, 3])
    except Exception as error:  # torch's tracer and OpenVINO's frontend, each with kinds of its own
        raise cannot("OpenVINO", error) from error
    graph.inputs[0].get_tensor().set_names({INPUT})
    for output, name in zip(graph.outputs, job.names, strict=True):
        output.get_tensor().set_names({name})
    for key, text in entries(job.about).items():
        graph.set_rt_info(text, ["regraft", key])
    openvino.save_model(graph, str(path), compress_to_fp16=False)
    _keep_exact(path)


def _keep_exact(path: Path) -> None:
    """Mark the networks' beginnings to stay in float32 where the processor computes in bf16.

    The first convolutions are what rounding hurts (see `engine_openvino.MIXED`). Cutting the square is not: its places
    are whole numbers, and a grey level has eight binary digits, as bf16 has.
    """
    tree = ElementTree.parse(path)
    into: dict[str, list[str]] = {}
    for edge in tree.iter("edge"):
        into.setdefault(edge.attrib["to-layer"], []).append(edge.attrib["from-layer"])
    depth: dict[str, int] = {}
    for layer in tree.iter("layer"):  # in an order in which what goes in stands before
        number = layer.attrib["id"]
        convolves = layer.attrib["type"] in ("Convolution", "GroupConvolution")
        depth[number] = max((depth.get(source, 0) for source in into.get(number, [])), default=0) + convolves
        if 0 < depth[number] <= MIXED["bf16"]:
            facts = layer.find("rt_info")
            facts = ElementTree.SubElement(layer, "rt_info") if facts is None else facts
            ElementTree.SubElement(facts, "attribute", name="precise", version="0")
    tree.write(path)


def _open(path: Path, precision: str) -> Run:
    import openvino

    # What is left of an int8 network in float32 stays so: on hand signs, bf16 there cost 5 points of accuracy.
    hint = "bf16" if precision == "bf16" else "f32"
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": hint})

    def run(pixels: np.ndarray) -> Outputs:
        found: Any = compiled({INPUT: pixels})
        return tuple(np.array(found[position]) for position in range(len(compiled.outputs)))

    return run


def _quantize(path: Path, images: list[np.ndarray], new: Path) -> None:
    import openvino

    graph = openvino.Core().read_model(str(path))
    said = {key: graph.get_rt_info(["regraft", key]).astype(str) for key in ("regraft", "classes", "calibration")}
    small = quantized(graph, [image[None] for image in images], patterns=[KEPT])
    for key, text in said.items():
        small.set_rt_info(text, ["regraft", key])
    openvino.save_model(small, str(new), compress_to_fp16=False)
    _keep_exact(new)


def _precisions() -> tuple[str, ...]:
    return ("f32", "bf16") if len(precisions()) > 1 else ("f32",)


TARGET = Target("openvino", ".xml", _write, _open, _precisions, beside=(".bin",), quantize=_quantize)
