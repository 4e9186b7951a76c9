"""The strategy that trains no network: a head on frozen features."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import Dataset
from regraft.features.extraction import Features
from regraft.probe import probe, probe_few
from regraft.result import Attempt
from regraft.strategies.network import Fitted
from regraft.strategies.outcome import Outcome


def frozen(
    dataset: Dataset,
    features: Features,
    backbones: tuple[Backbone, ...],
    protocol: str,
    heads: dict[str, dict[str, Any]],
    seed: int,
    views: Mapping[str, np.ndarray] | None = None,
) -> Outcome:
    """Fit a head on frozen features, and predict the test images with it.

    Parameters
    ----------
    dataset : Dataset
    features : Features
        Of all its images.
    backbones : tuple of Backbone
    protocol : {"given", "holdout", "cross-validation"}
    heads : dict of str to dict
        Those to compare, with their settings.
    seed : int
    views : mapping of str to float arrays of shape (m, d), optional
        Other views of the m training images, where these are a few a class; {} for none.
    """
    begun = time.perf_counter()
    used: tuple[str, ...] = ()
    if views is None:
        learnt = probe(dataset, features.values, protocol, heads, seed)
    else:
        learnt, used = probe_few(dataset, features.values, views, heads, seed)
    tensors, settings = learnt.selection.head.state()
    seconds = time.perf_counter() - begun
    trainable = sum(array.size for array in tensors.values())
    attempt = Attempt("probe", float("nan"), float("nan"), 0, trainable, seconds, chosen=True)
    fitted = Fitted(backbones, learnt.selection.name, tensors, settings, None, attempt)
    return Outcome(
        fitted=fitted,
        precisions=features.precisions,
        widths=features.widths,
        test_index=learnt.test_index,
        test_probabilities=learnt.test_probabilities,
        test_features=features.values[learnt.test_index],
        val_probabilities=learnt.val_probabilities,
        held_out_index=learnt.held_out_index,
        held_out_probabilities=learnt.held_out_probabilities,
        attempts=(),
        history=(),
        candidates=learnt.selection.candidates,
        seconds=seconds,
        views=used,
    )
