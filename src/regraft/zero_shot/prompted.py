"""A classifier of described classes from a model of images and texts: the nearest text by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from regraft import __version__
from regraft._optional import import_or_raise
from regraft.classifier import Classifier
from regraft.features.cache import cache_root
from regraft.features.engines import EngineName, engine_name, settle_precision
from regraft.zero_shot.described import Described
from regraft.zero_shot.naming import find_rest, readable
from regraft.zero_shot.result import Grounds

REST = "something else"
"""What the class is called that stands for all that the others are not: a text cannot be negated for such a model."""


def prompted_classifier(
    described: Described, name: str, weights: str | Path | None, examples: Sequence[Any], engine: EngineName = "auto"
) -> tuple[Classifier, tuple[Grounds, ...], list[str]]:
    """Return a classifier of described classes through open_clip, what is known of each class, and notes.

    Its head is the nearest centroid, with the classes' texts as centroids: the softmax of the model's scale times the
    cosine of image and text.

    Parameters
    ----------
    described : Described
    name : str
        open_clip's, such as "ViT-B-32".
    weights : path or str
        A local file, or open_clip's tag of published ones.
    examples : sequence
        Images on which the engine's precision may be settled.
    engine : {"auto", "openvino", "torch"}

    Raises
    ------
    UsageError, WeightsError
        As in `clip_backbone` and `embed_prompts`.
    """
    import_or_raise("open_clip", "clip")
    from regraft.backbones.clip import clip_backbone, embed_prompts

    backbone = clip_backbone(name, weights)
    rest = find_rest(described.names)
    called = [readable(each) for each in described.names]
    notes = []
    if rest is not None:
        called[rest.index] = REST
        own = described.names[rest.index]
        notes.append(f"{own!r} is put to the model as {REST!r}: how well that works depends on the model.")
    texts, scale = embed_prompts(backbone, called, described.texts)
    precision = settle_precision(backbone, engine_name(engine), "auto", examples, cache_root())
    grounds = tuple(
        Grounds(each, "rest" if rest is not None and rest.index == position else "prompt")
        for position, each in enumerate(described.names)
    )
    classifier = Classifier(
        classes=described.names,
        backbones=(backbone,),
        precisions=(precision,),
        widths=(backbone.feature_dim,),
        head="centroid",
        tensors={"mean": np.zeros(backbone.feature_dim, np.float32), "centroids": texts},
        # The head has twice the cosine, since a squared distance is 2 less that.
        settings={"scale": scale / 2, "n_features": backbone.feature_dim},
        info={
            "strategy": "zero-shot, CLIP",
            "images": 0,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        },
    )
    return classifier, grounds, notes
