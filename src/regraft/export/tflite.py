"""A classifier as a TensorFlow Lite file, for phones and small boards."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regraft._optional import import_or_raise
from regraft.export.about import entries
from regraft.export.target import Job, Outputs, Run, Target, cannot

LABELS = "labels.txt"
"""The classes, one a line, where phones' libraries look for them."""


def square_side(backbones: Sequence[Any]) -> int:
    """Return the pixels of the squares that the file takes: as many as the networks look at, before they crop."""
    return max(backbone.preprocessing.short_side for backbone in backbones)


def _write(job: Job, path: Path) -> None:
    with _silence():
        litert = import_or_raise("litert_torch", extra="tflite")
    import torch

    assert job.side is not None
    try:
        with _silence(), torch.no_grad():
            written = litert.convert(job.network, (torch.zeros(1, job.side, job.side, 3, dtype=torch.uint8),))
            written.export(str(path))
    except Exception as error:  # the converter has kinds of its own
        raise cannot("TensorFlow Lite", error) from error
    # By the format's convention, files that belong to a model are a zip archive behind its last byte.
    with zipfile.ZipFile(path, "a") as archive:
        for key, text in entries(job.about).items():
            archive.writestr(f"{key}.json", text)
        archive.writestr(LABELS, "\n".join(job.about["classes"]))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep off the terminal what the converter and its C libraries say there."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _open(path: Path, precision: str) -> Run:
    litert = import_or_raise("ai_edge_litert.interpreter", extra="tflite")
    with _silence():
        interpreter = litert.Interpreter(str(path))
        interpreter.allocate_tensors()
    [images] = interpreter.get_input_details()
    outputs = sorted(interpreter.get_output_details(), key=lambda detail: -len(detail["shape"]))

    def run(pixels: np.ndarray) -> Outputs:
        rows = []
        for image in pixels:
            interpreter.set_tensor(images["index"], image[None])
            interpreter.invoke()
            rows.append([interpreter.get_tensor(detail["index"])[0] for detail in outputs])
        return tuple(np.array(column) for column in zip(*rows, strict=True))

    return run


TARGET = Target("tflite", ".tflite", _write, _open, lambda: ("f32",), side=square_side)
