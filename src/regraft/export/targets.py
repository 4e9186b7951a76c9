"""The kinds of files that a classifier can be exported to."""

from __future__ import annotations

from regraft.errors import UsageError
from regraft.export import onnx, openvino, tflite, torch
from regraft.export.target import Target

TARGETS: dict[str, Target] = {each.name: each for each in (onnx.TARGET, openvino.TARGET, torch.TARGET, tflite.TARGET)}


def find(name: str) -> Target:
    """Return a target by its name, or raise UsageError."""
    if name not in TARGETS:
        raise UsageError(f"--to must be one of {', '.join(TARGETS)}, not {name!r}.")
    return TARGETS[name]
