"""Frozen passes with torch: on a graphics card, or on the CPU where OpenVINO cannot take a network."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np

from regraft.features.engine_openvino import Sink

if TYPE_CHECKING:
    from regraft.backbones.registry import Backbone


class TorchEngine:
    """One backbone on a torch device.

    Parameters
    ----------
    backbone : Backbone
    precision : {"bf16", "f16", "f32"}
        Of automatic mixed precision; features come out as float32.
    device : str
        "cuda", "mps" or "cpu".
    """

    name = "torch"

    def __init__(self, backbone: Backbone, precision: str, device: str | None = None) -> None:
        import torch

        from regraft.backbones.vision import FeatureNetwork

        self.precision = precision
        self.device = device or graphics_card() or "cpu"
        self.batch = 64 if self.device != "cpu" else 16
        network = FeatureNetwork(backbone.build(), backbone).eval()
        self._network = network.to(self.device).to(memory_format=torch.channels_last)
        self._sink: Sink = lambda tags, values: None
        size = backbone.preprocessing.size
        with torch.inference_mode():
            self.width = self._network(torch.zeros(1, size, size, 3, device=self.device)).shape[1]

    def start(self, sink: Sink) -> None:
        """Make ready to run; `sink(tags, features (b, d))` is called for each batch."""
        self._sink = sink

    def submit(self, tags: list[int], pixels: np.ndarray) -> None:
        """Run one batch of pixels (b, size, size, 3) uint8."""
        import torch

        kind = {"bf16": torch.bfloat16, "f16": torch.float16}.get(self.precision)
        with torch.inference_mode(), torch.autocast(self.device, dtype=kind, enabled=kind is not None):
            images = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).float()
            self._sink(tags, self._network(images).float().cpu().numpy())

    def finish(self) -> None:
        """Nothing is left over: every batch has reached the sink."""


def graphics_card() -> str | None:
    """Return "cuda" or "mps" where torch can use a graphics card, else None."""
    # Importing torch takes seconds, so it is only asked where there is something to ask about.
    if shutil.which("nvidia-smi") is None and shutil.which("rocm-smi") is None and sys.platform != "darwin":
        return None
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None
