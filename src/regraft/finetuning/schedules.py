"""Which stages learn when, and how fast: everything a function of how far a training has come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from regraft.backbones.stage_names import HEAD
from regraft.errors import UsageError

WARM_UP = {"one-cycle": 0.3, "cosine": 0.1, "constant": 0.0}
"""Share of a phase in which the learning rate rises."""

START = {"one-cycle": 1 / 25, "cosine": 0.0, "constant": 1.0}
"""Share of the largest learning rate at which a phase begins."""


@dataclass(frozen=True)
class Phase:
    """A part of a training in which the same stages learn.

    Parameters
    ----------
    name : str
        For people.
    learning : tuple of str
        The stages that learn, and "head" where it does.
    until : float
        Share of the whole training at which the phase ends.
    """

    name: str
    learning: tuple[str, ...]
    until: float


def phases(schedule: str, stages: Sequence[str], epochs: int) -> tuple[Phase, ...]:
    """Return the phases of a training.

    Parameters
    ----------
    schedule : {"together", "head-first", "gradual", "layer-by-layer"}
    stages : sequence of str
        The stages to be trained, from the lowest up.
    epochs : int
        Of the whole training: every phase gets one at least, so neighbouring stages share one where they are many.

    Raises
    ------
    UsageError
        If there are fewer epochs than the schedule needs.

    References
    ----------
    Howard & Ruder, Universal Language Model Fine-tuning, 2018 (gradual unfreezing).
    """
    if schedule == "together" or not stages:
        return (Phase("all" if stages else HEAD, (*stages, HEAD), 1.0),)
    if epochs < 2:
        raise UsageError(f"--schedule {schedule} must have 2 epochs or more, not {epochs}; raise --epochs.")
    if schedule == "head-first":
        first = max(1, round(epochs / 4))
        return Phase(HEAD, (HEAD,), first / epochs), Phase("all", (*stages, HEAD), 1.0)
    blocks = [(HEAD,), *_grouped(stages, epochs - 1)]
    steps = []
    for i, block in enumerate(blocks):
        learning = block if schedule == "layer-by-layer" else tuple(s for b in reversed(blocks[: i + 1]) for s in b)
        name = _named(block) if schedule == "layer-by-layer" or i == 0 else f"{_named(block)} and above"
        steps.append(Phase(name, learning, round((i + 1) * epochs / len(blocks)) / epochs))
    return tuple(steps)


def _grouped(stages: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """Return the stages from the top down, in at most so many groups of neighbours."""
    count = min(most, len(stages))
    edges = [round(i * len(stages) / count) for i in range(count + 1)]
    return [tuple(stages[a:b]) for a, b in reversed(list(pairwise(edges)))]


def _named(block: Sequence[str]) -> str:
    return block[0] if len(block) == 1 else f"{block[0]} to {block[-1]}"


def phase_at(plan: Sequence[Phase], progress: float) -> tuple[Phase, float]:
    """Return the phase at a point of the training (0 to 1), and how far it has come itself (0 to 1)."""
    start = 0.0
    for phase in plan:
        # A hair of tolerance: an epoch that ends a phase must not be its last by rounding.
        if progress < phase.until - 1e-9 or phase is plan[-1]:
            return phase, min(1.0, max(0.0, (progress - start) / max(phase.until - start, 1e-9)))
        start = phase.until
    raise AssertionError("a plan has a phase")


def rate_factor(kind: str, progress: float) -> float:
    """Return the share of the largest learning rate at a point of a phase.

    Parameters
    ----------
    kind : {"one-cycle", "cosine", "constant"}
    progress : float
        From 0 to 1.

    References
    ----------
    Smith & Topin, Super-Convergence, 2019 (one cycle); Loshchilov & Hutter, SGDR, 2017 (cosine).
    """
    warm, start = WARM_UP[kind], START[kind]
    if kind == "constant":
        return 1.0
    if progress < warm:
        risen = progress / warm
        share = (1 - math.cos(math.pi * risen)) / 2 if kind == "one-cycle" else risen
        return start + (1 - start) * share
    return (1 + math.cos(math.pi * (progress - warm) / (1 - warm))) / 2


def rates(stages: Sequence[str], largest: float, layer_decay: float, head_rate: float) -> dict[str, float]:
    """Return the largest learning rate of each stage and of the head: the lower, the slower.

    References
    ----------
    Howard & Ruder, 2018 (discriminative fine-tuning).
    """
    found = {name: largest * layer_decay**depth for depth, name in enumerate(reversed(stages))}
    return {**found, HEAD: largest * head_rate}
