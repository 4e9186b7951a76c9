"""In which precision and memory format a network trains fastest here: measured once, then remembered."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path

import torch

from regraft.finetuning.batches import as_floats
from regraft.finetuning.network import TrainedNetwork

WORTH_IT = 1.2
"""bf16 rounds: it must be so many times as fast to be taken."""

BATCH = 16


def settle(network: TrainedNetwork, sample: torch.Tensor, wanted: str, record: Path) -> tuple[str, torch.memory_format]:
    """Return the precision ("f32" or "bf16") and the memory format to train in.

    Parameters
    ----------
    network : TrainedNetwork
    sample : Tensor of shape (b, ...)
        What enters it.
    wanted : {"auto", "f32", "bf16"}
    record : Path
        Where what was measured is kept.
    """
    formats = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
    try:
        known: dict[str, float] = json.loads(record.read_text())
        rates = {name: float(known[name]) for name in [f"{p} {f}" for p in ("f32", "bf16") for f in formats]}
    except (OSError, ValueError, KeyError, TypeError):
        rates = {}
    if not rates:
        inputs = as_floats(sample[:BATCH])
        for precision in ("f32", "bf16"):
            for name, form in formats.items():
                trial = copy.deepcopy(network).to(memory_format=form)
                rates[f"{precision} {name}"] = len(inputs) / _seconds(trial, inputs, precision == "bf16")
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(rates))
        except OSError:
            pass  # it will be measured again
    best = {p: max((rates[f"{p} {name}"], name) for name in formats) for p in ("f32", "bf16")}
    precision = wanted
    if wanted == "auto":
        precision = "bf16" if best["bf16"][0] > WORTH_IT * best["f32"][0] else "f32"
    return precision, formats[best[precision][1]]


def _seconds(network: TrainedNetwork, inputs: torch.Tensor, bf16: bool) -> float:
    """Return how long a step takes: the shorter of two after a first one."""
    network.train()
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = network(inputs).float().square().mean()
        loss.backward()
        times.append(time.perf_counter() - begun)
    return min(times[1:])
