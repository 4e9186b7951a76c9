"""Exported files: whether they say what the classifier says, and what int8 costs and gains.

For each set a classifier is fitted with the defaults and exported to each kind of file; those that have int8 once more
in it, calibrated on the training images. All is said of images that the classifier has not seen: its test part.

SET_KIND_same, _largest   share of the test images with the same most probable class as the classifier in float32, and
                          by how much any probability differs (targets 1 and 0.001); SET_KIND_bf16_*, _int8_* the same
                          in these precisions, which have bounds of their own (see regraft/export/parity.py).
SET_KIND_accuracy, _bf16_accuracy, _int8_accuracy   on the test part.
SET_KIND_mb, _int8_mb     size of the file.
SET_KIND_rate, _bf16_rate, _int8_rate   images a second with one image a request and as many requests at once as there
                          are processors, decoded images in memory.
SET_KIND_int8_gain        rate in int8 / the best rate of the other precisions of the same engine (target 1.5), taken in
                          turns, round by round: the median, and the least and greatest.
SET_KIND_int8_gain_f32    the same / the rate in float32.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _machine import data_folder, note, own_cache, parser, positive, rounded, show, spread

from regraft import fit
from regraft.classifier import Classifier
from regraft.data.images import decode, read_bytes
from regraft.data.sources import read_source
from regraft.export import targets
from regraft.export.exporting import export
from regraft.export.parity import answers
from regraft.protocol import settle_protocol

TARGETS = {
    f"{name}_{kind}_{what}": limit
    for name in ("flowers", "signs")
    for kind in ("onnx", "openvino")
    for what, limit in (("same", (">=", 1.0)), ("largest", ("<=", 1e-3)), ("int8_gain", (">=", 1.5)))
}

KINDS = ("onnx", "openvino", "torch", "tflite")


def main() -> None:
    arguments = parser(__doc__, "the folder of all sets", runs=7)
    arguments.add_argument("--sets", nargs="+", default=["flowers", "signs"], help="default: flowers signs")
    arguments.add_argument("--kinds", nargs="+", default=["onnx", "openvino"], choices=KINDS, help="default: both")
    arguments.add_argument("--images", type=positive, default=200, help="test images that are compared (default: 200)")
    given = arguments.parse_args()
    folder = data_folder(given.data)
    found: dict[str, Any] = {}
    with own_cache(), tempfile.TemporaryDirectory() as place:
        for name in given.sets:
            note(f"{name}: fitting")
            classifier = fit(folder / name).classifier
            images, truth = _test_part(folder / name, classifier, given.images)
            for kind in given.kinds:
                found |= _measured(name, kind, classifier, folder / name, images, truth, Path(place), given.runs)
    show({key: rounded(value) for key, value in found.items()}, TARGETS, given.json)


def _test_part(data: Path, classifier: Classifier, most: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return decoded images that the classifier has not seen, and their classes."""
    dataset, _ = settle_protocol(read_source(data), 0.2, 0)
    part = np.random.default_rng(1).permutation(dataset.part("test"))[:most]
    enough = max(backbone.preprocessing.short_side for backbone in classifier.backbones)
    images = [decode(read_bytes(dataset.examples[position]), enough) for position in part]
    return images, np.array([classifier.classes.index(dataset.class_names[dataset.y[position]]) for position in part])


def _measured(
    name: str,
    kind: str,
    classifier: Classifier,
    data: Path,
    images: list[np.ndarray],
    truth: np.ndarray,
    place: Path,
    runs: int,
) -> dict[str, Any]:
    target = targets.find(kind)
    note(f"{name}: {kind}")
    whole, small = place / f"{name}{target.suffix}", place / f"{name}-int8{target.suffix}"
    written = export(classifier, whole, to=kind, images=data, announce=note)  # type: ignore[arg-type]
    found: dict[str, Any] = {f"{name}_{kind}_mb": written.bytes / 1e6}
    files = dict.fromkeys(target.precisions(), whole)
    if target.quantize is not None:
        made = export(classifier, small, to=kind, images=data, int8=True, announce=note)  # type: ignore[arg-type]
        found[f"{name}_{kind}_int8_mb"] = made.bytes / 1e6
        files["int8"] = small
    exact = replace(classifier, precisions=("f32",) * len(classifier.backbones))
    expected = exact.predict_proba(images) if target.side is None else None
    for precision, file in files.items():
        if expected is None:
            continue
        got = answers(target.open(file, precision), images)[0]
        key = f"{name}_{kind}" if precision == "f32" else f"{name}_{kind}_{precision}"
        found[f"{key}_same"] = float((got.argmax(axis=1) == expected.argmax(axis=1)).mean())
        found[f"{key}_largest"] = float(np.abs(got - expected).max())
        found[f"{key}_accuracy"] = float((got.argmax(axis=1) == truth).mean())
    if kind in ("onnx", "openvino"):
        found |= _speeds(f"{name}_{kind}", kind, files, images, runs)
    return found


def _speeds(key: str, kind: str, files: dict[str, Path], images: Sequence[np.ndarray], runs: int) -> dict[str, Any]:
    open_all = {"onnx": _onnx, "openvino": _openvino}[kind]
    passes = {precision: open_all(file, precision) for precision, file in files.items()}
    shown = [images[number % len(images)] for number in range(64)]
    rates: dict[str, list[float]] = {precision: [] for precision in passes}
    for number in range(runs + 1):
        for precision, run in passes.items():
            started = time.perf_counter()
            run(shown)
            if number:  # the first is to warm up
                rates[precision].append(len(shown) / (time.perf_counter() - started))
    found: dict[str, Any] = {}
    for precision, values in rates.items():
        found[f"{key}_rate" if precision == "f32" else f"{key}_{precision}_rate"] = statistics.median(values)
    others = [values for precision, values in rates.items() if precision != "int8"]
    best = max(others, key=statistics.median)
    found |= spread(f"{key}_int8_gain", [a / b for a, b in zip(rates["int8"], best, strict=True)])
    found |= spread(f"{key}_int8_gain_f32", [a / b for a, b in zip(rates["int8"], rates["f32"], strict=True)])
    return found


def _onnx(file: Path, precision: str) -> Callable[[Sequence[np.ndarray]], None]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    pool = ThreadPoolExecutor(os.cpu_count() or 1)

    def run(images: Sequence[np.ndarray]) -> None:
        list(pool.map(lambda image: session.run(None, {"images": image[None]}), images))

    return run


def _openvino(file: Path, precision: str) -> Callable[[Sequence[np.ndarray]], None]:
    import openvino

    hints = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    queue = openvino.AsyncInferQueue(openvino.Core().compile_model(str(file), "CPU", hints))

    def run(images: Sequence[np.ndarray]) -> None:
        for image in images:
            queue.start_async({"images": image[None]})
        queue.wait_all()

    return run


if __name__ == "__main__":
    main()
