"""The strategy that trains no network: a head on frozen features."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import Dataset
from regraft.data.sources import list_examples
from regraft.errors import DataError
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.views import extract_views
from regraft.probe import Probe, probe, probe_few
from regraft.result import Attempt
from regraft.self_training.training import self_train
from regraft.strategies.network import Fitted
from regraft.strategies.outcome import Outcome


def frozen(
    dataset: Dataset,
    features: Features,
    backbones: tuple[Backbone, ...],
    protocol: str,
    heads: dict[str, dict[str, Any]],
    seed: int,
    *,
    few: bool = False,
    unlabelled: Any = None,
    engine: EngineName = "auto",
) -> Outcome:
    """Fit a head on frozen features, and predict the test images with it.

    Parameters
    ----------
    dataset : Dataset
    features : Features
        Of all its images, with their looks.
    backbones : tuple of Backbone
    protocol : {"given", "holdout", "cross-validation"}
    heads : dict of str to dict
        Those to compare, with their settings.
    seed : int
    few : bool
        Whether a few images of each class are learnt from: other views of them help, and each is left out to judge.
    unlabelled : path, array or list, optional
        Images without labels, to learn from where held-out labelled ones agree.
    engine : {"auto", "openvino", "torch"}

    Raises
    ------
    DataError
        If there are no images without labels where they are said to be.
    """
    begun = time.perf_counter()
    used: tuple[str, ...] = ()
    taught = None
    learnt: Probe | None = None
    if unlabelled is not None:
        learnt, taught = self_train(
            dataset, features, protocol, heads, seed, _extracted(unlabelled, backbones, features.precisions, engine)
        )
    if few and (taught is None or not taught.kept):
        views = _views(dataset, backbones, features, engine)
        learnt, used = probe_few(dataset, features.values, protocol, views, heads, seed)
    elif learnt is None:
        learnt = probe(dataset, features.values, protocol, heads, seed)
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
        taught=taught,
    )


def _extracted(
    unlabelled: Any, backbones: tuple[Backbone, ...], precisions: tuple[str, ...], engine: EngineName
) -> Features:
    """Return the features and looks of images without labels; unreadable ones are left out."""
    examples, names = list_examples(unlabelled, backbones[0].modality)
    found = extract(examples, names, backbones, engine=engine, precisions=precisions, skip_unreadable=True, looks=True)
    if not len(found.index):
        raise DataError(
            f"The examples without labels must be readable, but of {len(names)} none is ({found.skipped[0].name}: "
            f"{found.skipped[0].reason}); mend them, or leave --unlabelled out."
        )
    return found


def _views(
    dataset: Dataset, backbones: tuple[Backbone, ...], features: Features, engine: EngineName
) -> dict[str, np.ndarray]:
    """Return the features of other views of the few images that are learnt from."""
    train = dataset.part("train")
    examples, names = [dataset.examples[int(i)] for i in train], [dataset.names[int(i)] for i in train]
    return extract_views(examples, names, backbones, features.precisions, engine=engine)
