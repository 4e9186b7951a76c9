"""Networks in whole numbers of 8 bits, calibrated on images that the classifier is for."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Sequence
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
    os.environ.setdefault("NNCF_CI", "1")  # or it would report to its makers over the network
    nncf = import_or_raise("nncf", extra="export")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    advanced = import_or_raise("nncf.quantization.advanced_parameters", extra="export")
    scale = None if by_channel else advanced.QuantizationParameters(per_channel=False)
    scope = nncf.IgnoredScope(names=list(names), patterns=list(patterns), validate=False)
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(inputs),
            subset_size=len(inputs),
            ignored_scope=scope,
            advanced_parameters=nncf.AdvancedQuantizationParameters(activations_quantization_params=scale),
        )
