"""Features under a budget: the first network's, and another's only where the time lasts for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from regraft.backbones.registry import Backbone
from regraft.features.extraction import Features, extract

AS_LONG = 1.3
"""The next network is taken to need so many times as long as one of those before it."""

HEAD = 4.0
"""Seconds for a head on the features, its evaluation and its file."""


def extract_within(
    examples: Sequence[Any],
    names: Sequence[str],
    backbones: tuple[Backbone, ...],
    deadline: float,
    **settings: Any,
) -> tuple[Features, tuple[Backbone, ...]]:
    """Return the features of as many networks, in their order, as there is time for; of one at least.

    Parameters
    ----------
    examples, names, backbones
        As for `extract`.
    deadline : float
        By `time.monotonic`; infinite where there is none.
    **settings
        For `extract`.

    Returns
    -------
    features : Features
        What was computed on the way counts as computed, and its time as spent.
    backbones : tuple of Backbone
        Those whose features they are.
    """
    begun, computed = time.monotonic(), 0
    # One pass for all reads and decodes each image once; only a budget is worth a pass a network.
    least = len(backbones) if deadline == float("inf") else 1
    for n in range(least, len(backbones) + 1):
        features = extract(examples, names, backbones[:n], **settings)
        features = replace(
            features,
            cache_hits=max(0, features.cache_hits - computed),
            cache_misses=features.cache_misses + computed,
            seconds=time.monotonic() - begun,
        )
        computed = features.cache_misses
        if time.monotonic() + AS_LONG * features.seconds / n + HEAD > deadline:
            break
    return features, backbones[:n]
