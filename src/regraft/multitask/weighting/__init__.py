"""How the losses of several tasks become one: one method a file."""

from __future__ import annotations

from typing import Literal, get_args

WeightingName = Literal["equal", "uncertainty", "grad-norm"]
WEIGHTINGS: tuple[WeightingName, ...] = get_args(WeightingName)
