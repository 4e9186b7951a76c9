"""Pictures of why: the places of an image that speak for the class it is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from regraft.classifier import Classifier, Prediction
from regraft.data.images import decode, read_bytes
from regraft.data.sources import list_examples
from regraft.errors import Unreadable
from regraft.evaluation.explanations import Heat, heat_maps, overlay
from regraft.features.engines import EngineName
from regraft.heads.scoring import SCORERS

LARGEST = 1024
"""Pixels of a written picture's longest side at most."""


def explained(
    classifier: Classifier,
    examples: Sequence[Any],
    names: Sequence[str],
    labels: Sequence[int],
    *,
    longest: int = LARGEST,
    engine: EngineName = "auto",
) -> tuple[list[bytes | None], tuple[str, ...]]:
    """Return images as JPEGs in which the places are coloured that speak for a class, and what could not be asked.

    Parameters
    ----------
    classifier : Classifier
    examples : sequence of Path, bytes, array or Row, length n
    names : sequence of str, length n
    labels : sequence of int, length n
        The class of each image that the reasons are sought for.
    longest : int
        Pixels of the longest side at most.
    engine : {"auto", "openvino", "torch"}

    Returns
    -------
    pictures : list of bytes or None
        None where an image cannot be read or explained.
    notes : tuple of str
    """
    found = heat_maps(
        examples,
        names,
        classifier.backbones,
        _score(classifier),
        np.asarray(labels, dtype=np.int64),
        engine=engine,
        precisions=classifier.precisions,
    )
    pictures = [_picture(e, heat, longest) for e, heat in zip(examples, found.heats, strict=True)]
    return pictures, found.notes


def _score(classifier: Classifier) -> Any:
    """Return what gives the probabilities of features: the head alone, unless classes were learnt beside it."""
    if classifier.growth is not None:
        return classifier.score
    return lambda features: SCORERS[classifier.head](features, classifier.tensors, classifier.settings)


def _picture(example: Any, heat: Heat | None, longest: int) -> bytes | None:
    if heat is None:
        return None
    try:
        image = decode(read_bytes(example), longest)
    except Unreadable:  # it could be read a moment ago
        return None
    scale = longest / max(image.shape[:2])
    if scale < 1:
        shape = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        image = cv2.resize(image, shape, interpolation=cv2.INTER_AREA).astype(np.uint8)
    drawn = cv2.cvtColor(overlay(image, heat), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def write(
    classifier: Classifier, sources: Any, predictions: Sequence[Prediction], folder: Path, engine: EngineName = "auto"
) -> list[str]:
    """Write a picture for each image that was named: what speaks for its label; return what could not be done.

    Parameters
    ----------
    classifier : Classifier
    sources : path, bytes, array, or a list of them
        Whose predictions these are.
    predictions : sequence of Prediction
        In the order of the images.
    folder : Path
        An existing one.
    engine : {"auto", "openvino", "torch"}
    """
    examples, names = list_examples(sources, classifier.modality)
    named = [position for position, prediction in enumerate(predictions) if prediction.label is not None]
    labels = [classifier.classes.index(predictions[position].label or "") for position in named]
    notes: dict[str, None] = {}
    for start in range(0, len(named), 64):
        part = named[start : start + 64]
        pictures, said = explained(
            classifier,
            [examples[position] for position in part],
            [names[position] for position in part],
            labels[start : start + 64],
            engine=engine,
        )
        notes |= dict.fromkeys(said)
        for position, picture in zip(part, pictures, strict=True):
            if picture is not None:
                (folder / _file(position, names[position], predictions[position].label or "")).write_bytes(picture)
    return list(notes)


def _file(position: int, name: str, label: str) -> str:
    """Return a file name that is the user's as far as any system can take it."""
    kept = "".join(c if c.isalnum() or c in "-_" else "-" for c in f"{Path(name).stem}-{label}")
    return f"{position + 1:04d}-{kept[:80]}.jpg"
