"""The kinds of tasks there are."""

from __future__ import annotations

from regraft.multitask.kinds.base import Kind
from regraft.multitask.kinds.classes import Classes
from regraft.multitask.kinds.multilabel import MultiLabel
from regraft.multitask.kinds.numbers import Numbers
from regraft.multitask.kinds.ordinal import Ordinal

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Classes(), MultiLabel(), Ordinal(), Numbers())}
"""By name."""
