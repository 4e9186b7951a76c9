"""A classifier as a torch program (`.pt2`), which `torch.export.load` opens."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.export.target import Job, Outputs, Run, Target, cannot

if TYPE_CHECKING:
    from torch import nn

EXTRA = "regraft.json"
"""The file inside that holds what the program says of itself."""


def program(network: nn.Module) -> Any:
    """Return a network as an exported program that takes any number of images of any size.

    Raises
    ------
    CannotExport
        If the network's way depends on the images themselves.
    """
    import torch
    from torch.export import Dim

    example = torch.zeros(2, 300, 280, 3, dtype=torch.uint8)
    open_sizes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(network, (example,), dynamic_shapes=open_sizes)
    except Exception as error:  # torch's tracer, with kinds of its own
        raise cannot("torch.export", error) from error


def _write(job: Job, path: Path) -> None:
    import torch

    exported = program(job.network)
    for part in exported.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # lines and paths of this machine's programs
    torch.export.save(exported, path, extra_files={EXTRA: json.dumps(job.about)})


def _open(path: Path, precision: str) -> Run:
    import torch

    network = torch.export.load(path).module()

    def run(pixels: np.ndarray) -> Outputs:
        with torch.no_grad():
            return tuple(found.numpy() for found in network(torch.tensor(pixels)))

    return run


TARGET = Target("torch", ".pt2", _write, _open, lambda: ("f32",))
