"""Networks in whole numbers of 8 bits, calibrated on images that the classifier is for."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from regraft._optional import import_or_raise

PARTS_KEPT = ("squares", "head", "calibration", "growth", "strangeness")
"""Parts of the whole that stay in float32: they take next to no time, and their numbers are far apart."""


def quantized(
    model: Any,
    inputs: Sequence[Any],
    *,
    names: Sequence[str] = (),
    patterns: Sequence[str] = (),
    by_channel: bool = True,
) -> Any:
    """Return a model whose networks compute in int8, by NNCF's post-training quantisation.

    Parameters
    ----------
    model : openvino.Model or onnx.ModelProto
    inputs : sequence
        What it is calibrated on, one image each.
    names, patterns : sequence of str
        Nodes that stay in float32.
    by_channel : bool
        Whether a layer's input may be scaled channel by channel.
    """
    with _silence():
        nncf = import_or_raise("nncf", extra="export")
        advanced = import_or_raise("nncf.quantization.advanced_parameters", extra="export")
        scale = None if by_channel else advanced.QuantizationParameters(per_channel=False)
        return nncf.quantize(
            model,
            nncf.Dataset(inputs),
            subset_size=len(inputs),
            ignored_scope=nncf.IgnoredScope(names=list(names), patterns=list(patterns), validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(activations_quantization_params=scale),
        )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep NNCF's progress and its notes off the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)
