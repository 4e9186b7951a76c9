"""Which layer to cut at: the output of every stage of a network is scored like a source of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress
from regraft.transferability.judge import Judge
from regraft.transferability.ranked import LayerRow
from regraft.transferability.scores import score

NOT_WHOLE = "the source's classes are told by the whole network, not by one of its layers"


def rank_layers(
    backbone: Backbone,
    examples: Sequence[Any],
    names: Sequence[str],
    y: npt.NDArray[np.int64],
    judge: Judge | str,
    *,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> tuple[LayerRow, ...]:
    """Return the scores of what each stage of a network puts out, averaged over positions, from the pixels up.

    All stages are computed in one pass. A stage that scores well says: transfer up to its output, and train from
    there up.

    Parameters
    ----------
    backbone : Backbone
    examples, names : sequences of length n
        Images that can be read.
    y : int array of shape (n,)
        Class indices.
    judge : Judge or str
        Of these n images; or why there is none.
    engine, progress
        As in `extract`.

    Returns
    -------
    tuple of LayerRow
        Empty where no stage puts out a map of positions, so that there is nothing to average.
    """
    backbone = replace(backbone, layer=None, pool="avg")
    widths = backbone.stage_widths() if backbone.modality != "text" else {}
    if not widths:
        return ()
    staged = replace(backbone, pool="stages")
    # They were read a moment ago: one that cannot be read now has vanished, and is a plain error.
    found = extract(examples, names, [staged], engine=engine, progress=progress)
    y = y[found.index]
    parts = np.split(found.values, np.cumsum(list(widths.values()))[:-1], axis=1)
    after = dict(pairwise(widths))
    return tuple(
        LayerRow(
            **vars(score(part, y, judge, NOT_WHOLE)),
            backbone=backbone.name,
            stage=stage,
            width=part.shape[1],
            train_from=after.get(stage),
        )
        for stage, part in zip(widths, parts, strict=True)
    )


def cut(layers: Sequence[LayerRow]) -> LayerRow | None:
    """Return the layer to transfer up to: the topmost that the judge cannot tell from the best; None without a judge.

    Of equals the topmost is taken, since least is left to train.
    """
    judged = [(row.probe, row.probe_se, row) for row in layers if row.probe is not None and row.probe_se is not None]
    if not judged:
        return None
    best, error, _ = max(judged, key=lambda each: each[0])
    return [row for probe, _, row in judged if probe >= best - error][-1]


def advice_on_layers(layers: Sequence[LayerRow]) -> str:
    """Return where to cut, as a sentence; "" where no layer is judged."""
    found = cut(layers)
    if found is None:
        return ""
    if found.train_from is None:
        return (
            f"{found.backbone}: what its last stage puts out is as good as any layer ({found.probe:.3f}); transfer all "
            "of it, and train a head."
        )
    return (
        f"{found.backbone}: the probe is best on the output of {found.stage} ({found.probe:.3f}, against "
        f"{layers[-1].probe or 0:.3f} at the top); transfer up to there and train from {found.train_from} up: "
        f"regraft fit DATA --strategy finetune --backbone {found.backbone} --unfreeze {found.train_from}"
    )
