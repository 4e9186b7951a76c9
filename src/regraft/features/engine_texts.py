"""Frozen passes of text encoders: an OpenVINO graph for texts of any length, or torch where that cannot be."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.features.cache import cache_root
from regraft.features.engine_openvino import (
    OpenVINOEngine,
    Sink,
    UnsupportedNetwork,
    _compiled,
    _first_line,
)
from regraft.features.engine_torch import graphics_card
from regraft.features.engines import MINIMUM_COSINE, Engine, available_precisions, mean_cosine, settled

if TYPE_CHECKING:
    from regraft.backbones.encoders import TextBackbone

BATCH = 16
"""Texts at once; more are no faster on a CPU."""

BATCH_PIECES = 2048
"""Pieces at once, so that few long texts take no more memory than many short ones."""

_TRACED = ("A text.", "Another text, which is a little longer.", "One more text.")
_CHECKED = ("These are other texts, in another number and of other lengths, but for one.", "It is this.")


class OpenVINOTextEngine(OpenVINOEngine):
    """One text encoder compiled for this processor; `submit` takes pieces (b, L) int64, padded.

    Parameters
    ----------
    backbone : TextBackbone
    precision : {"bf16", "f32"}
        In which the processor computes; features come out as float32.
    root : Path, optional
        The cache folder, where the converted graph and the compiled one are kept.

    Raises
    ------
    UnsupportedNetwork
        If OpenVINO cannot convert, compile or run the network.
    WeightsError
        If the weights are missing or do not fit.
    """

    batch = BATCH

    def __init__(self, backbone: TextBackbone, precision: str, root: Path | None = None) -> None:
        self.precision, self.width = precision, backbone.feature_dim
        self._compiled = _ready(backbone, precision, text_engine_folder(backbone, root))
        self._idle: list[Any] = []
        self._running: deque[tuple[Any, list[int]]] = deque()
        self._sink: Sink | None = None


class TorchTextEngine:
    """One text encoder on a torch device; `submit` takes pieces (b, L) int64, padded.

    Parameters
    ----------
    backbone : TextBackbone
    precision : {"bf16", "f16", "f32"}
        Of automatic mixed precision; features come out as float32.
    device : str, optional
        "cuda", "mps" or "cpu"; default: a graphics card where there is one.
    """

    name = "torch"

    def __init__(self, backbone: TextBackbone, precision: str, device: str | None = None) -> None:
        self.precision = precision
        self.device = device or graphics_card() or "cpu"
        self.batch = BATCH if self.device == "cpu" else 4 * BATCH
        self.width = backbone.feature_dim
        self._network = backbone.build().to(self.device)
        self._sink: Sink = lambda tags, values: None

    def start(self, sink: Sink) -> None:
        """Make ready to run; `sink(tags, features (b, d))` is called for each batch."""
        self._sink = sink

    def submit(self, tags: list[int], ids: np.ndarray) -> None:
        """Run one batch of pieces."""
        import torch

        kind = {"bf16": torch.bfloat16, "f16": torch.float16}.get(self.precision)
        with torch.inference_mode(), torch.autocast(self.device, dtype=kind, enabled=kind is not None):
            found = self._network(torch.from_numpy(ids).to(self.device))
        self._sink(tags, found.float().cpu().numpy())

    def finish(self) -> None:
        """Nothing is left over: every batch has reached the sink."""


def open_text_engine(backbone: TextBackbone, kind: str, precision: str, root: Path | None) -> Engine:
    """Return the engine for a text encoder: torch where OpenVINO cannot take the network."""
    if kind == "openvino":
        try:
            return OpenVINOTextEngine(backbone, precision, root)
        except UnsupportedNetwork:
            return TorchTextEngine(backbone, "f32", device="cpu")
    return TorchTextEngine(backbone, precision)


def text_engine_folder(backbone: TextBackbone, root: Path | None = None) -> Path:
    """Return the folder of an encoder's converted graph: named by all that shapes the graph."""
    shape = {
        "architecture": backbone.architecture,
        "weights": backbone.weights.sha256(),
        "preprocessing": backbone.preprocessing.to_dict(),
        "pool": backbone.pool,
        "layer": backbone.layer,
        "transformers": version("transformers"),
        "openvino": version("openvino"),
    }
    key = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:32]
    return (root or cache_root()) / "engines" / key


def text_precisions(kind: str) -> tuple[str, ...]:
    """Return the precisions of an engine on this machine, the fastest first; the last is float32."""
    # Those that keep the first convolutions in float32 are for images: a text encoder has none.
    return tuple(precision for precision in available_precisions(kind) if "/" not in precision)


def settle_text_precision(backbone: TextBackbone, kind: str, wanted: str, texts: Sequence[str], root: Path) -> str:
    """Return the precision to compute in: the fastest that has shown to agree with float32 for these weights.

    Parameters
    ----------
    backbone : TextBackbone
    kind : {"openvino", "torch"}
    wanted : str
        "auto", or the precision to take where the machine has it.
    texts : sequence of str
        A few to try on.
    root : Path
        The cache folder, where what was settled is kept.
    """
    return settled(
        text_precisions(kind),
        wanted,
        lambda: text_engine_folder(backbone, root).with_suffix(f".{kind}.json"),
        lambda faster: _fastest(backbone, kind, faster, texts, root) if texts else None,
    )


def _fastest(
    backbone: TextBackbone, kind: str, faster: Sequence[str], texts: Sequence[str], root: Path
) -> tuple[str, float]:
    """Return the first precision that agrees with float32, and its cosine with it."""
    pieces = backbone.tokenize(texts)
    exact = open_text_engine(backbone, kind, "f32", root)
    expected = run_batches(exact, pieces, backbone.pad)
    for precision in faster if exact.name == kind else ():
        engine = open_text_engine(backbone, kind, precision, root)
        cosine = mean_cosine(run_batches(engine, pieces, backbone.pad), expected)
        if cosine >= MINIMUM_COSINE:
            return engine.precision, cosine
    return "f32", 1.0


def batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Return the positions of texts in batches of like length, the longest first, so that little is filled up.

    Parameters
    ----------
    lengths : sequence of int
        Pieces of each text.
    most : int
        Texts in a batch at most; fewer where they would exceed `BATCH_PIECES` for each 16.
    """
    made: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        longest = lengths[made[-1][0]] if made else 0
        if not made or len(made[-1]) >= most or longest * (len(made[-1]) + 1) * BATCH > BATCH_PIECES * most:
            made.append([])
        made[-1].append(position)
    return made


def filled(pieces: Sequence[np.ndarray], pad: int) -> np.ndarray:
    """Return pieces of several texts as one array (b, L) int64, the shorter ones filled up behind."""
    ids = np.full((len(pieces), max(map(len, pieces))), pad, np.int64)
    for row, found in zip(ids, pieces, strict=True):
        row[: len(found)] = found
    return ids


def run_batches(engine: Engine, pieces: Sequence[np.ndarray], pad: int) -> np.ndarray:
    """Return the features (n, d) of texts given as pieces, in their order."""
    values = np.empty((len(pieces), engine.width), np.float32)

    def place(tags: list[int], found: np.ndarray) -> None:
        values[tags] = found

    engine.start(place)
    for batch in batches([len(found) for found in pieces], engine.batch):
        engine.submit(batch, filled([pieces[i] for i in batch], pad))
    engine.finish()
    return values


def _ready(backbone: TextBackbone, precision: str, folder: Path) -> Any:
    """Return the compiled network, from the kept graph where there is one, and make sure that it runs."""
    kept: Any = folder / "f32.xml"
    if kept.is_file():
        try:
            return _tried(_compiled(kept, precision, folder))
        except RuntimeError:
            shutil.rmtree(folder, ignore_errors=True)  # damaged: it is ours, and can be made again
    graph = _convert(backbone)
    try:
        _keep(graph, folder)
        graph = kept
    except (OSError, RuntimeError):
        pass  # a full or read-only disk: the graph in memory serves as well
    try:
        return _tried(_compiled(graph, precision, folder))
    except RuntimeError as error:
        raise UnsupportedNetwork(_first_line(error)) from error


def _tried(compiled: Any) -> Any:
    """Run a network once: a graph may compile and still not run."""
    # A request of its own: the compiled network may be in use by another pass of this process.
    compiled.create_infer_request().infer({0: np.ones((2, 5), np.int64)})
    return compiled


def _keep(graph: Any, folder: Path) -> None:
    """Write the graph beside its place and move it there whole, so that a kill leaves nothing half-written."""
    import openvino

    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    try:
        openvino.save_model(graph, str(new / "f32.xml"), compress_to_fp16=False)
        try:
            new.rename(folder)
        except OSError:
            if not (folder / "f32.xml").is_file():  # else another process was first with the same graph
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _convert(backbone: TextBackbone) -> Any:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    network = backbone.build()
    example = torch.from_numpy(filled(backbone.tokenize(_TRACED), backbone.pad))
    # openvino.convert_model() reports to its makers over the network unless told not to; its parts do not.
    frontend = FrontEndManager().load_by_framework("pytorch")
    with warnings.catch_warnings(), _quiet(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing is deprecated in torch, and still what OpenVINO asks for
        try:
            traced = torch.jit.trace(network, example, strict=False, check_trace=False)
            decoder = TorchScriptPythonDecoder(traced)  # by a name, so that it lives until the graph is made
            graph = frontend.convert(frontend.load(decoder))
            graph.reshape([-1, -1])
        except Exception as error:  # torch's tracer and OpenVINO's frontend, each with kinds of its own
            raise UnsupportedNetwork(_first_line(error)) from error
    _refuse_fixed_shapes(graph, network, backbone)
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from remarking on a loss that tracing asks for and nobody computes."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _refuse_fixed_shapes(graph: Any, network: Any, backbone: TextBackbone) -> None:
    """Raise UnsupportedNetwork where tracing has frozen the lengths it saw into the graph."""
    import openvino
    import torch

    ids = torch.from_numpy(filled(backbone.tokenize(_CHECKED), backbone.pad))
    try:
        found = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({0: ids.numpy()})[0]
    except RuntimeError as error:
        raise UnsupportedNetwork(_first_line(error)) from error
    with torch.inference_mode():
        expected = network(ids).numpy()
    if found.shape != expected.shape or mean_cosine(found, expected) < MINIMUM_COSINE:
        raise UnsupportedNetwork("its graph is right for one length of text only")
