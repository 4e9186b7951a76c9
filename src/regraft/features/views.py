"""Other views of the same images: mirrored, and framed in the other way; their features are kept as all others are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress

VIEWS = ("mirror", "framing")
"""Left and right swapped; and the whole image stretched where else its centre is cropped, or the other way round."""


def seen_as(backbone: Backbone, view: str) -> Backbone:
    """Return the backbone that sees each image in another view, one of `VIEWS`."""
    pixels = backbone.preprocessing
    if view == "mirror":
        return replace(backbone, preprocessing=replace(pixels, mirror=not pixels.mirror))
    other: Any = "stretch" if pixels.resize == "crop" else "crop"
    return replace(backbone, preprocessing=replace(pixels, resize=other))


def extract_views(
    examples: Sequence[Any],
    names: Sequence[str],
    backbones: Sequence[Backbone],
    precisions: Sequence[str],
    *,
    views: Sequence[str] = VIEWS,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the features (n, d) of other views of images that can be read, all from one pass over them.

    Texts and recordings have none.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    names : sequence of str, length n
    backbones : sequence of Backbone
    precisions : sequence of str
        In which the plain views' features were computed.
    views : sequence of str
        Some of `VIEWS`.
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
        Called with (images done, n).
    """
    if backbones[0].modality != "image":
        return {}  # a text has no mirror, and a spectrogram's is another sound
    found = extract(
        examples,
        names,
        [seen_as(backbone, view) for view in views for backbone in backbones],
        engine=engine,
        precisions=tuple(precisions) * len(views),
        progress=progress,
    )
    return dict(zip(views, np.split(found.values, len(views), axis=1), strict=True))
