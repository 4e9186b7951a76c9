"""Sources side by side on one target task: scores without training, and the judge that says how far to trust them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations as pairs_of
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import DEFAULTS, Backbone
from regraft.backbones.source import source_probabilities
from regraft.control import RAW, raw_values
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError
from regraft.features.cache import source_folder
from regraft.features.engines import EngineName, engine_name
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.protocol import check_classes, check_skipped
from regraft.transferability.judge import CLASSES, IMAGES, Judge, appoint, one_thread
from regraft.transferability.layers import advice_on_layers, rank_layers
from regraft.transferability.ranked import RANDOM, LayerRow, Ranking, RankRow, best_first
from regraft.transferability.recommendation import flagged, negative_transfer, recommendation
from regraft.transferability.scores import SCORES, agreement, score

_LITES = ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2", f"tf_efficientnet_lite0{RANDOM}")
DEFAULT = {"image": _LITES, "audio": _LITES, "text": (DEFAULTS["text"], f"{DEFAULTS['text']}{RANDOM}")}
"""The three networks whose weights are always here, and a control that has learnt nothing."""

RANKED_ON = 10_000
"""Most images that are ranked on: beyond, each thousand more costs minutes and changes no order that matters."""

FEW = 5
"""Below this many images a class, the scores are rough."""

PAIRED = 4
"""So many of the best sources are combined, two at a time."""


def rank(
    data: Any,
    labels: Any = None,
    *,
    backbones: str | Sequence[str] | None = None,
    layers: bool = False,
    combinations: bool = True,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Ranking:
    """Rank pretrained networks by how well they would transfer to labelled images, without training them.

    Where the data have a split of their own, the training part alone is looked at.

    Parameters
    ----------
    data, labels, column, label_column, group_column, images, label_from_name, skip_unreadable, engine, progress
        As in `fit`.
    backbones : sequence of str, or str with commas, optional
        Names as of `get_backbones`; one that ends in ":random" has random weights instead of its own. Default:
        EfficientNet-Lite 0, 1 and 2, and Lite0 with random weights.
    layers : bool
        Score each stage of the best network, too: one more pass over the images.
    combinations : bool
        Score pairs of the best networks, side by side, too.
    seed : int
        Draws the images of the judge.
    announce : callable, optional
        Called with a sentence about what is ranked on, before the work.

    Returns
    -------
    Ranking

    Raises
    ------
    RegraftError
        If a network is unknown or named twice, its weights are missing, or the data cannot be used.
    """
    started = time.perf_counter()
    engine_name(engine)
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    dataset = read_source(
        data,
        labels=labels,
        column=column,
        label_column=label_column,
        group_column=group_column,
        images=images,
        label_from_name=label_from_name,
    )
    modality = dataset.modality
    sources = named_sources(DEFAULT[modality] if backbones is None else backbones, modality)
    total = len(dataset) + len(dataset.skipped)
    check_classes(dataset)
    dataset, notes = _ranked_on(dataset, seed)
    say = announce or (lambda sentence: None)
    say(f"{len(dataset):,} training {dataset.things} in {len(dataset.class_names)} classes.")
    features = extract(
        dataset.examples,
        dataset.names,
        list(sources.values()),
        engine=engine,
        # Whether it agrees with float32 need not be tried where there is nothing learnt to keep.
        precisions=["bf16" if backbone.weights.random else "auto" for backbone in sources.values()],
        skip_unreadable=skip_unreadable,
        looks=True,
        progress=progress,
    )
    check_skipped(total, dataset.skipped + features.skipped, skip_unreadable)
    dataset = dataset.take(features.index)
    check_classes(dataset)
    judge = _judge(dataset, seed)
    notes += [*features.notes, *_notes_on_classes(dataset)]
    own = np.split(features.values, np.cumsum(features.widths)[:-1], axis=1)
    by_name = dict(zip(sources, own, strict=True))
    chance, raw = _baselines(judge, features)
    said = {name: _source(backbone, by_name[name]) for name, backbone in sources.items()}
    rows = best_first([flagged(row, chance, raw, RAW[modality]) for row in _scored(by_name, said, dataset, judge)])
    learnt = [row for row in rows if not sources[row.backbone].weights.random]
    beside = (
        _combinations([row.backbone for row in learnt], by_name, dataset, judge, chance, raw) if combinations else ()
    )
    best = sources[learnt[0].backbone] if learnt and layers else None
    stages: tuple[LayerRow, ...] = ()
    if best is not None:
        examples, names = dataset.examples, dataset.names
        stages = rank_layers(best, examples, names, dataset.y, judge, engine=engine, progress=progress)
        if not stages:
            notes.append(f"{best.name} has no stages with maps of positions, so its layers cannot be ranked.")
    tau, why = _tau(rows)
    advice, command = recommendation(rows, learnt, beside)
    return Ranking(
        rows=rows,
        tau=tau,
        layers=stages,
        combinations=beside,
        chance=chance,
        raw_pixels=raw,
        raw=RAW[modality],
        advice=advice,
        command=command,
        notes=(
            *negative_transfer(rows, chance, raw, RAW[modality]),
            *filter(None, [advice_on_layers(stages)]),
            *why,
            *notes,
        ),
        n=len(dataset),
        seconds=time.perf_counter() - started,
    )


def named_sources(names: str | Sequence[str], modality: str = "image") -> dict[str, Backbone]:
    """Return the networks of names for a modality, of which one that ends in ":random" has random weights.

    Raises
    ------
    UsageError
        If there are none, one is unknown, or one is named twice.
    """
    found: dict[str, Backbone] = {}
    given = names.split(",") if isinstance(names, str) else names
    for name in (name.strip() for name in given if name.strip()):
        plain = name.removesuffix(RANDOM)
        if "+" in plain:
            raise UsageError(
                f"--backbones must name networks one by one, separated by commas, not {name!r}; "
                "pairs of them are ranked with --combinations."
            )
        [backbone] = get_backbones(plain, modality=modality, weights="none" if name != plain else None)
        shown = backbone.name + (RANDOM if backbone.weights.random else "")
        if shown in found:
            raise UsageError(f"--backbones must name each network once, but {shown} is there twice; leave one out.")
        found[shown] = backbone
    if not found:
        raise UsageError("--backbones must name one network or more, but names none; leave it out for the usual ones.")
    return found


def _ranked_on(dataset: Dataset, seed: int) -> tuple[Dataset, list[str]]:
    """Return the training images, no more than are needed, and what was left out, in sentences."""
    from regraft.heads.folds import stratified_rows

    notes: list[str] = []
    if dataset.split is not None:
        train = dataset.part("train")
        left_out = len(dataset) - len(train)
        notes.append(f"{left_out:,} images of the data's own val and test parts are not looked at.")
        dataset = replace(dataset.take(train), split=None)
    rows = stratified_rows(dataset.y, RANKED_ON, seed)
    if len(rows) < len(dataset):
        notes.append(f"Ranked on {len(rows):,} of the {len(dataset):,} training images, every class in its share.")
        dataset = dataset.take(rows)
    return dataset, notes


def _judge(dataset: Dataset, seed: int) -> Judge | str:
    try:
        return appoint(dataset.y, dataset.groups, seed)
    except DataError as error:
        return str(error)


def _notes_on_classes(dataset: Dataset) -> list[str]:
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    few = [f"{dataset.class_names[i]} {counts[i]}" for i in np.argsort(counts, kind="stable") if counts[i] < FEW]
    notes = []
    if few:
        more = ", ..." if len(few) > 5 else ""
        notes.append(
            f"{len(few)} of {len(counts)} classes have fewer than {FEW} images ({', '.join(few[:5])}{more}): "
            "the scores are rough."
        )
    if len(counts) > CLASSES:
        notes.append(f"The judge looks at {CLASSES} of the {len(counts):,} classes, the same for all sources.")
    elif len(dataset) > IMAGES:
        notes.append(f"The judge looks at {IMAGES:,} of the {dataset.count(len(dataset))}, the same for all sources.")
    return notes


def _baselines(judge: Judge | str, features: Features) -> tuple[float | None, float | None]:
    """Return the accuracy of naming the most frequent class, and of the judge on raw pixels."""
    if isinstance(judge, str) or features.looks is None:
        return None, None
    try:
        return judge.chance, judge(raw_values(features.looks)).accuracy
    except DataError:  # all images are the same
        return judge.chance, None


def _source(backbone: Backbone, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | str:
    """Return what a network says of its source's classes, or why it says nothing."""
    if backbone.weights.random:
        return f"{backbone.name} has random weights, so there is no source task."
    found = source_probabilities(features, backbone, source_folder())
    if found is None:
        return f"{backbone.name} has no linear classifier of these features, so it says nothing of a source's classes."
    return found


def _scored(
    features: Mapping[str, npt.NDArray[np.float32]],
    said: Mapping[str, npt.NDArray[np.float32] | str],
    dataset: Dataset,
    judge: Judge | str,
) -> list[RankRow]:
    """Return the row of each source by its name, from its features and what it says of its source's classes."""

    def row(name: str) -> RankRow:
        return RankRow(**vars(score(features[name], dataset.y, judge, said[name])), backbone=name)

    # Sources share nothing, so each may have a core; what each limits while it runs is limited for all out here.
    with one_thread(), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(row, features))


def _combinations(
    names: list[str],
    by_name: dict[str, npt.NDArray[np.float32]],
    dataset: Dataset,
    judge: Judge | str,
    chance: float | None,
    raw: float | None,
) -> tuple[RankRow, ...]:
    """Return pairs of the best sources side by side, the best pair first."""
    why = "Two networks side by side have no source classes in common to be told by one classifier."
    pairs = {"+".join(pair): np.hstack([by_name[name] for name in pair]) for pair in pairs_of(names[:PAIRED], 2)}
    rows = _scored(pairs, dict.fromkeys(pairs, why), dataset, judge)
    return best_first([flagged(row, chance, raw, RAW[dataset.modality]) for row in rows])


def _tau(rows: Sequence[RankRow]) -> tuple[dict[str, float | None], list[str]]:
    """Return each score's agreement with the judge, and why where there is none."""
    judged = [row.probe for row in rows]
    tau: dict[str, float | None] = {}
    undefined: dict[str, list[str]] = {}
    for name in SCORES:
        tau[name], why = agreement([getattr(row, name) for row in rows], judged)
        if why:
            undefined.setdefault(why, []).append(name)
    return tau, [f"{', '.join(names)}: {why}." for why, names in undefined.items()]
