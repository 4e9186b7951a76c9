"""What runs a network here, and in which precision: the fastest that has shown to agree with float32."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.images import read_bytes
from regraft.errors import Unreadable, UsageError
from regraft.features.engine_openvino import OpenVINOEngine, Sink, UnsupportedNetwork, engine_folder, forget_compiled
from regraft.features.engine_openvino import precisions as openvino_precisions
from regraft.features.engine_torch import TorchEngine, graphics_card

EngineName = Literal["auto", "openvino", "torch"]

MINIMUM_COSINE = 0.999
"""A faster precision serves only where its features agree with float32's this well, on average."""


class Engine(Protocol):
    """What runs a network on batches of pixels."""

    name: str
    precision: str
    batch: int
    width: int

    def start(self, sink: Sink) -> None: ...

    def submit(self, tags: list[int], pixels: np.ndarray) -> None: ...

    def finish(self) -> None: ...


def engine_name(engine: EngineName) -> str:
    if engine not in ("auto", "openvino", "torch"):
        raise UsageError(f"--engine must be auto, openvino or torch, not {engine!r}.")
    if engine != "auto":
        return engine
    return "torch" if graphics_card() else "openvino"


def available_precisions(kind: str) -> tuple[str, ...]:
    """Return the precisions of an engine on this machine, the fastest first; the last is float32."""
    if kind == "openvino":
        return openvino_precisions()
    return ("f16", "f32") if graphics_card() else ("f32",)


def settle_precision(backbone: Backbone, kind: str, wanted: str, examples: Sequence[Any], root: Path) -> str:
    """Return the precision to compute in: the fastest that has shown to agree with float32 for these weights."""

    def fastest(faster: Sequence[str]) -> tuple[str, float] | None:
        pixels = _sample(backbone, examples)
        if pixels is None:
            return None
        exact = open_engine(backbone, kind, "f32", root)
        expected = _run_once(exact, pixels)
        for precision in faster if exact.name == kind else ():
            engine = open_engine(backbone, kind, precision, root)
            cosine = mean_cosine(_run_once(engine, pixels), expected)
            if cosine >= MINIMUM_COSINE:
                return engine.precision, cosine
        return "f32", 1.0

    def record() -> Path:
        return engine_folder(backbone, root).with_suffix(f".{kind}.json")

    return settled(available_precisions(kind), wanted, record, fastest)


def settled(
    available: Sequence[str],
    wanted: str,
    record: Callable[[], Path],
    fastest: Callable[[Sequence[str]], tuple[str, float] | None],
) -> str:
    """Return the precision to compute in, tried once and kept.

    Parameters
    ----------
    available : sequence of str
        The machine's, the fastest first; the last is float32.
    wanted : str
        "auto", or the precision to take where the machine has it.
    record : callable
        Returns the file where what was settled is kept; not asked where nothing need be settled.
    fastest : callable
        Returns the first of some precisions that agrees with float32, and its cosine with it; "f32" where none does;
        None where there is nothing to try them on.
    """
    if wanted != "auto":
        # A processor without the stored precision computes in float32, which agrees with it.
        return wanted if wanted in available else "f32"
    if len(available) == 1:
        return available[0]
    file = record()
    try:
        kept = json.loads(file.read_text())["precision"]
        if kept in available:  # another machine may share the cache
            return str(kept)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = fastest(available[:-1])
    if found is None:
        return "f32"
    precision, agrees = found
    forget_compiled()  # the precisions that were not chosen need not stay in memory
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"precision": precision, "cosine": agrees}))
    except OSError:
        pass  # it will be checked again
    return precision


def mean_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean cosine between the rows of two arrays (n, d): 1 where both are zero, 0 where it is unknown."""
    lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        cosines = (a * b).sum(1) / (lengths[0] * lengths[1])
    cosines[(lengths[0] == 0) & (lengths[1] == 0)] = 1.0
    return float(np.nan_to_num(cosines, nan=0.0).mean())


def _sample(backbone: Backbone, examples: Sequence[Any], count: int = 16) -> np.ndarray | None:
    """Return the pixels (<= count, size, size, 3) of the first readable images."""
    pixels = []
    for example in islice(examples, 8 * count):
        try:
            pixels.append(backbone.pixels(read_bytes(example)))
        except Unreadable:
            continue
        if len(pixels) == count:
            break
    return np.stack(pixels) if pixels else None


def _run_once(engine: Engine, pixels: np.ndarray) -> np.ndarray:
    found: list[np.ndarray] = []
    engine.start(lambda tags, values: found.append(values))
    engine.submit(list(range(len(pixels))), pixels)
    engine.finish()
    return found[0]


def open_engine(backbone: Backbone, kind: str, precision: str, root: Path | None) -> Engine:
    """Return the engine for a backbone: torch where OpenVINO cannot take the network."""
    if kind == "openvino":
        try:
            return OpenVINOEngine(backbone, precision, root)
        except UnsupportedNetwork:
            return TorchEngine(backbone, "f32", device="cpu")
    return TorchEngine(backbone, precision)
