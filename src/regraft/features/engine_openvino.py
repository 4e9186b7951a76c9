"""Frozen passes on the CPU: the network as an OpenVINO graph, run asynchronously on all cores."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from regraft.features.cache import cache_root
from regraft.features.cores import core_limit

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone

Sink = Callable[[list[int], np.ndarray], None]

MIXED = {"bf16": 3, "bf16/12": 12}
"""How many of the first convolutions stay in float32.

Rounding what the first one puts out costs nearly all of the agreement with float32, and keeping it costs
next to no time: EfficientNet-Lite1 has a mean cosine of 0.9969 in plain bf16, 0.9992 with three
convolutions in float32 and 0.9995 with twelve.
"""


class UnsupportedNetwork(Exception):
    """OpenVINO cannot take a network; another engine can."""


class OpenVINOEngine:
    """One backbone compiled for this processor.

    Parameters
    ----------
    backbone : Backbone
    precision : {"bf16", "bf16/12", "f32"}
        In which the processor computes (see `MIXED`); features come out as float32.
    root : Path, optional
        The cache folder, where the converted graph and the compiled one are kept.

    Raises
    ------
    UnsupportedNetwork
        If OpenVINO cannot convert, compile or run the network.
    WeightsError
        If the weights are missing or do not fit.
    """

    name = "openvino"
    # Larger batches are no faster on a CPU, and their activations take far more memory.
    batch = 4
    _requests: int | None = None

    def __init__(self, backbone: Backbone, precision: str, root: Path | None = None) -> None:
        folder = engine_folder(backbone, root)
        self._compiled, self.precision = _compile(backbone, precision, folder)
        self.width = _ran(folder, self.precision) or _try(
            self._compiled, backbone.preprocessing.size, folder, self.precision
        )
        self._idle: list[Any] = []
        self._running: deque[tuple[Any, list[int]]] = deque()
        self._sink: Sink | None = None

    def twin(self, requests: int) -> OpenVINOEngine:
        """Return another engine on the same compiled network, for another thread: `requests` batches at once."""
        other = copy(self)
        other._idle, other._running, other._sink, other._requests = [], deque(), None, requests
        return other

    def start(self, sink: Sink) -> None:
        """Make ready to run; `sink(tags, features (b, d))` is called for each batch, in order."""
        # One more than compute at once, so that a batch is waiting whenever one ends. We wait for the oldest
        # ourselves: with callbacks, OpenVINO's threads would need Python's lock, and can then be joined by the
        # thread that holds it.
        count = self._requests or 1 + self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._idle = [self._compiled.create_infer_request() for _ in range(count)]
        self._sink = sink

    def submit(self, tags: list[int], pixels: np.ndarray) -> None:
        """Queue one batch of pixels (b, size, size, 3) uint8; waits while all requests are busy."""
        if not self._idle:
            self._collect()
        request = self._idle.pop()
        request.start_async({0: pixels})
        self._running.append((request, tags))

    def _collect(self) -> None:
        request, tags = self._running.popleft()
        request.wait()
        self._idle.append(request)
        if self._sink is not None:
            self._sink(tags, request.get_output_tensor(0).data.copy())

    def finish(self) -> None:
        """Wait until every batch has reached the sink."""
        while self._running:
            self._collect()


def engine_folder(backbone: Backbone, root: Path | None = None) -> Path:
    """Return the folder of a backbone's converted graph: named by all that shapes the graph."""
    shape = {
        "architecture": backbone.architecture,
        "weights": backbone.weights.sha256(),
        # How the square is cut out of an image is not in the graph, so that all views of it share one.
        "pixels": [backbone.preprocessing.size, backbone.preprocessing.mean, backbone.preprocessing.std],
        "pool": backbone.pool,
        **({} if backbone.until is None else {"until": backbone.until}),
        **({} if backbone.layer is None else {"layer": backbone.layer}),
        "timm": version("timm"),
        "openvino": version("openvino"),
    }
    key = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:32]
    return (root or cache_root()) / "engines" / key


def _ran(folder: Path, precision: str) -> int | None:
    """Return how long the features of a network are that has run here before; None where it has not."""
    try:
        return int((folder / f"{precision.replace('/', '-')}.ran").read_text())
    except (OSError, ValueError):
        return None


def _try(compiled: Any, size: int, folder: Path, precision: str) -> int:
    """Run a network once, keep that it runs, and return how long its features are."""
    try:
        # A request of its own: the compiled network may be in use by another pass of this process.
        tried = compiled.create_infer_request().infer({0: np.zeros((1, size, size, 3), np.uint8)})
    except RuntimeError as error:
        raise UnsupportedNetwork(_first_line(error)) from error
    width: int = tried[0].shape[1]
    with suppress(OSError):
        (folder / f"{precision.replace('/', '-')}.ran").write_text(str(width))
    return width


def precisions() -> tuple[str, ...]:
    """Return the precisions that this processor has in hardware, the fastest first."""
    import openvino

    mixed = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return (*MIXED, "f32") if mixed else ("f32",)


def _compile(backbone: Backbone, precision: str, folder: Path) -> tuple[Any, str]:
    """Return the compiled network, and the precision that it computes in."""
    kept = folder / f"{precision.replace('/', '-')}.xml"
    if kept.is_file():
        try:
            return _compiled(kept, precision, folder), precision
        except RuntimeError:
            shutil.rmtree(folder, ignore_errors=True)  # damaged: it is ours, and can be made again
    graph = _before_pooling(backbone, folder) or _convert(backbone)
    try:
        _keep(graph, folder)
        graph = kept
    except (OSError, RuntimeError):
        precision = "f32"  # a full or read-only disk: the graph in memory serves as well, if only in float32
    try:
        return _compiled(graph, precision, folder), precision
    except RuntimeError as error:
        raise UnsupportedNetwork(_first_line(error)) from error


def _compiled(graph: Any, precision: str, folder: Path) -> Any:
    """Return the graph compiled; one from a file is kept in memory, for a process that predicts again and again."""
    if isinstance(graph, Path):
        return _compiled_file(graph, graph.stat().st_mtime_ns, precision, folder)
    return _compiled_graph(graph, precision, folder)


@lru_cache(maxsize=4)
def _compiled_file(graph: Path, modified: int, precision: str, folder: Path) -> Any:
    return _compiled_graph(graph, precision, folder)


def forget_compiled() -> None:
    """Let go of the compiled networks that are kept in memory."""
    _compiled_file.cache_clear()


def _compiled_graph(graph: Any, precision: str, folder: Path) -> Any:
    import openvino

    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if precision in MIXED else "f32",
    }
    limit = core_limit()
    if limit is not None:
        settings["INFERENCE_NUM_THREADS"] = str(limit)
        # Several processes share the machine then: each would pin its threads to the very same cores.
        settings["ENABLE_CPU_PINNING"] = "NO"
    if isinstance(graph, Path) and os.access(folder, os.W_OK):
        settings["CACHE_DIR"] = str(folder / "compiled")
    return openvino.Core().compile_model(graph, "CPU", settings)


def _keep(graph: Any, folder: Path) -> None:
    """Write the graphs beside their place and move them there whole, so that a kill leaves nothing half-written."""
    import openvino

    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    try:
        openvino.save_model(graph, str(new / "f32.xml"), compress_to_fp16=False)
        for precision, exact in MIXED.items():
            name = precision.replace("/", "-")
            _keep_exact(new / "f32.xml", exact).write(new / f"{name}.xml")
            shutil.copyfile(new / "f32.bin", new / f"{name}.bin")
        try:
            new.rename(folder)
        except OSError:
            if not (folder / "f32.xml").is_file():  # else another process was first with the same graphs
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _keep_exact(graph: Path, convolutions: int) -> Any:
    """Return the graph with all up to its first convolutions marked to stay in float32."""
    tree = ElementTree.parse(graph)
    seen = 0
    for layer in tree.iter("layer"):
        seen += layer.get("type") in ("Convolution", "GroupConvolution", "MatMul")
        if seen > convolutions:
            break
        facts = layer.find("rt_info")
        if facts is None:
            facts = ElementTree.SubElement(layer, "rt_info")
        ElementTree.SubElement(facts, "attribute", name="precise", version="0")
    return tree


def _before_pooling(backbone: Backbone, folder: Path) -> Any:
    """Return the graph of a network's last feature map, cut out of that of its average, or None.

    Where the average has been computed before, this needs neither torch nor the weights.
    """
    import openvino
    from openvino import opset13

    if backbone.pool != "none" or backbone.until is not None or backbone.layer is not None:
        return None
    whole = engine_folder(replace(backbone, pool="avg"), folder.parent.parent) / "f32.xml"
    if not whole.is_file():
        return None
    try:
        graph = openvino.Core().read_model(whole)
    except RuntimeError:
        return None
    node = graph.get_results()[0].input_value(0).get_node()
    while node.get_type_name() in ("Reshape", "Squeeze", "Flatten"):
        node = node.input_value(0).get_node()
    pooled = node.get_output_partial_shape(0)
    if node.get_type_name() != "AdaptiveAvgPool" or len(pooled) != 4 or pooled[2] != 1 or pooled[3] != 1:
        return None
    flat = opset13.reshape(node.input_value(0), np.array([0, -1], np.int64), special_zero=True)
    return openvino.Model([flat.output(0)], graph.get_parameters(), "before pooling")


def _convert(backbone: Backbone) -> Any:
    import openvino
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    from regraft.backbones.vision import FeatureNetwork

    size = backbone.preprocessing.size
    network = FeatureNetwork(backbone.build(), backbone).eval()
    # openvino.convert_model() reports to its makers over the network unless told not to; its parts do not.
    frontend = FrontEndManager().load_by_framework("pytorch")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing is deprecated in torch, and still what OpenVINO asks for
        try:
            # Left to itself the decoder also traces again to compare, which takes half of all the time.
            traced = torch.jit.trace(network, torch.zeros(2, size, size, 3), strict=False, check_trace=False)
            decoder = TorchScriptPythonDecoder(traced)  # by a name, so that it lives until the graph is made
            graph = frontend.convert(frontend.load(decoder))
            graph.reshape([-1, size, size, 3])
        except Exception as error:  # torch's tracer and OpenVINO's frontend, each with kinds of its own
            raise UnsupportedNetwork(_first_line(error)) from error
    steps = openvino.preprocess.PrePostProcessor(graph)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    return steps.build()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
