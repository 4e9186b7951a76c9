"""Examples to features: read, look up, decode, run the network, keep; all of it at once, streamed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.data.dataset import Skipped
from regraft.data.looks import Looks
from regraft.features.cache import cache_root
from regraft.features.engines import EngineName, engine_name, settle_precision
from regraft.features.looks import LooksLane
from regraft.features.streaming import Lane, Pass, Progress


@dataclass(frozen=True)
class Features:
    """The features of the images that could be read, and how they came about.

    Parameters
    ----------
    values : float32 array of shape (n, d)
        One row a readable image; the backbones' vectors side by side.
    index : int array of shape (n,)
        Position of each row's image among the examples asked for.
    skipped : tuple of Skipped
        Images that could not be read, and why.
    precisions : tuple of str
        Of each backbone.
    widths : tuple of int
        Columns of each backbone.
    engine : str
        What ran the networks: "openvino", "torch", or both joined by "+".
    cache_hits, cache_misses : int
        Images found in the cache or seen earlier in the pass, and images computed; both counted once a backbone.
    seconds : float
        Wall-clock time of the pass.
    notes : tuple of str
        What the user should know: a cache that could not be used, a network that OpenVINO cannot run.
    looks : Looks or None
        Of the same images, where they were asked for.
    """

    values: np.ndarray
    index: np.ndarray
    skipped: tuple[Skipped, ...]
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    engine: str
    cache_hits: int
    cache_misses: int
    seconds: float
    notes: tuple[str, ...] = ()
    looks: Looks | None = None


def extract(
    examples: Sequence[Any],
    names: Sequence[str],
    backbones: Sequence[Backbone],
    *,
    engine: EngineName = "auto",
    precisions: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    looks: bool = False,
    progress: Progress | None = None,
    cache: Path | None = None,
    keep: bool = True,
    modality: str | None = None,
) -> Features:
    """Return the features of examples; each of them goes through each network at most once, ever.

    Parameters
    ----------
    examples : sequence of Path, bytes, str, array or Row, length n
    names : sequence of str, length n
        For the list of what was skipped.
    backbones : sequence of Backbone
    engine : {"auto", "openvino", "torch"}
        "auto" takes torch where there is a graphics card, OpenVINO else.
    precisions : sequence of str, optional
        Of each backbone; default: the fastest that agrees with float32.
    skip_unreadable : bool
        Go on however many images are unreadable.
    looks : bool
        Return the images' looks too: digests, sizes, shapes, thumbnails.
    progress : callable, optional
        Called with (images done, n).
    cache : Path, optional
        The cache folder; default `cache_root()`.
    keep : bool
        Look features up in the cache, and keep there what is computed.
    modality : {"image", "text", "audio"}, optional
        Of the examples; default: what the backbones read.

    Raises
    ------
    DataError
        If more than 5% of the images are unreadable and `skip_unreadable` is not set.
    WeightsError
        If a backbone's weights are missing or do not fit.
    """
    started = time.perf_counter()
    modality = modality or (backbones[0].modality if backbones else "image")
    if modality == "text":
        from regraft.features.texts import text_features

        return text_features(
            examples,
            names,
            backbones,
            engine=engine,
            precisions=precisions,
            skip_unreadable=skip_unreadable,
            looks=looks,
            progress=progress,
            cache=cache,
            keep=keep,
        )
    root = cache or cache_root()
    kind = engine_name(engine)
    lanes = []
    for position, backbone in enumerate(backbones):
        wanted = precisions[position] if precisions is not None else "auto"
        lanes.append(Lane(backbone, kind, settle_precision(backbone, kind, wanted, examples, root), root, keep))
    looking = LooksLane(len(examples), root, modality) if looks else None
    run = Pass(examples, names, lanes, skip_unreadable, progress, looking, modality)
    try:
        values, read = run.run()
    finally:
        for lane in lanes:
            lane.close()
        if looking is not None:
            looking.store.close()
    problems = dict.fromkeys(lane.store.problem for lane in lanes if lane.store.problem)
    notes = [f"{problem[:1].upper()}{problem[1:]}." for problem in problems if problem]
    ran = [lane.engine.name if lane.engine else kind for lane in lanes]
    notes += [
        f"OpenVINO cannot run {lane.backbone.name}, so torch did, which is slower."
        for lane, name in zip(lanes, ran, strict=True)
        if name != kind
    ]
    index = np.flatnonzero(read)
    return Features(
        values=values if read.all() else values[read],
        index=index,
        skipped=tuple(run.skipped),
        precisions=tuple(lane.precision for lane in lanes),
        widths=tuple(columns.stop - columns.start for columns in run.columns),
        engine="+".join(dict.fromkeys(ran)),
        cache_hits=run.hits,
        cache_misses=run.misses,
        seconds=time.perf_counter() - started,
        notes=tuple(notes),
        looks=None if looking is None else looking.looks(index),
    )
