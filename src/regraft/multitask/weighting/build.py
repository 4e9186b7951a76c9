"""From a name to a way of weighing losses."""

from __future__ import annotations

from collections.abc import Sequence

from regraft.multitask.weighting.base import Weighting
from regraft.multitask.weighting.equal import Equal
from regraft.multitask.weighting.grad_norm import GradNorm
from regraft.multitask.weighting.uncertainty import Uncertainty

_BY_NAME: dict[str, type[Weighting]] = {"equal": Equal, "uncertainty": Uncertainty, "grad-norm": GradNorm}


def build_weighting(name: str, kinds: Sequence[str], usual: Sequence[float]) -> Weighting:
    """Return a new weighting of tasks; one task alone needs none, and its loss counts once."""
    return (_BY_NAME[name] if len(kinds) > 1 else Equal)(kinds, usual)
