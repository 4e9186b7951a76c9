"""How accurate a classifier would be with so many labelled images a class: many small draws, and intervals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.errors import UsageError
from regraft.evaluation.episodes import check_shots, draw, mean_ci95
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.features.views import extract_views
from regraft.few_shot.episode import Episode, play
from regraft.few_shot.found import FewShot, Figure, Point
from regraft.fitting import Announce
from regraft.protocol import check_classes, check_skipped, untouched
from regraft.request import heads_of, with_source

USUAL = (1, 5, 10, 20)
"""Numbers of labelled images a class that are asked for where none are named."""

LARGEST_GRAPH = 4000
"""Images that are named together at most; of more, so many are drawn at random."""


def fewshot(
    data: Any,
    labels: Any = None,
    *,
    shots: Sequence[int] | None = None,
    episodes: int = 50,
    together: bool = True,
    views: bool = True,
    head: str = "auto",
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    seed: int = 0,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> FewShot:
    """Measure how accurate a classifier is that has seen a few labelled images a class, over many random draws.

    In each episode so many images of each class are drawn; head and views are chosen by leaving each of them out, and
    all other images are the test (where the data have a test part, the draws are from train, and it is the test).

    Parameters
    ----------
    data : path, array, list or Dataset
        Labelled images, as for `fit`.
    labels, backbone, weights, image_size, resize, pool, layer, pixels, seed, column, label_column, group_column, images
        As in `fit`; images of one group are never both learnt from and tested.
    label_from_name, skip_unreadable, engine, progress, announce
        As in `fit`.
    shots : sequence of int, optional
        Images a class; default: 1, 5, 10 and 20, as far as the smallest class has them.
    episodes : int
        Draws for each of them.
    together : bool
        Whether all images that have no label in an episode are named together, by what they have in common (label
        propagation), which needs such a pile of unlabelled images in use as well. What naming each on its own gives
        is measured in any case.
    views : bool
        Whether mirrored and differently framed views are used as well.
    head : {"auto", "prototype", "logistic", "centroid", "knn"}

    Returns
    -------
    FewShot

    Raises
    ------
    RegraftError
        If a class has fewer images than are asked for, or as in `fit`.
    """
    started = time.perf_counter()
    say = announce or (lambda sentence: None)
    _check(shots, episodes, seed)
    heads = heads_of(head, {}, few=True)
    dataset = read_source(
        data,
        labels=labels,
        column=column,
        label_column=label_column,
        group_column=group_column,
        images=images,
        label_from_name=label_from_name,
    )
    backbones = get_backbones(
        backbone,
        modality=dataset.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    check_classes(dataset)
    features = extract(
        dataset.examples, dataset.names, backbones, engine=engine, skip_unreadable=skip_unreadable, progress=progress
    )
    skipped = dataset.skipped + features.skipped
    check_skipped(len(dataset) + len(dataset.skipped), skipped, skip_unreadable)
    dataset = replace(dataset.take(features.index), skipped=skipped)
    check_classes(dataset)
    numbers, notes = _numbers(dataset, shots)
    if together and dataset.modality == "text":
        # By 5 draws of 1, 5 and 20 labels of amazon's reviews: 0.54, 0.70, 0.79 together; 0.62, 0.74, 0.80 alone.
        together = False
        notes.append("Texts are named each on its own: what lies near each other is of one topic, not of one class.")
    heads, overlap = with_source(heads, head, dataset.class_names, backbones)
    notes += [overlap.text] if overlap is not None and overlap.found else []
    nodes, values = _nodes(dataset, features, together, max(numbers), seed, notes)
    seen = (
        extract_views(nodes.examples, nodes.names, backbones, features.precisions, engine=engine, progress=progress)
        if views
        else {}
    )
    for note in notes:
        say(f"Note: {note}")
    graph = _graph([values, *seen.values()]) if together else None
    points = []
    for number in numbers:
        points.append(_point(nodes, values, seen, heads, graph, number, episodes, seed))
        say(points[-1].sentence)
    return FewShot(
        points=tuple(points),
        dataset=nodes,
        backbone="+".join(each.name for each in backbones),
        episodes=episodes,
        together=together,
        views=tuple(seen),
        notes=tuple(dataset.notes) + tuple(notes),
        seed=seed,
        seconds=time.perf_counter() - started,
    )


def _check(shots: Sequence[int] | None, episodes: int, seed: int) -> None:
    if shots is not None and (not len(shots) or min(shots) < 1 or len(set(shots)) < len(shots)):
        listed = ",".join(map(str, shots)) or "none"
        raise UsageError(
            f"--shots must be numbers of examples a class from 1 up, each once, such as 1,5, not {listed}."
        )
    if episodes < 2:
        raise UsageError(f"--episodes must be 2 or more, so that there is an interval, not {episodes}.")
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")


def _numbers(dataset: Dataset, shots: Sequence[int] | None) -> tuple[list[int], list[str]]:
    """Return the numbers of images a class to draw, which every class has; and what was left out of the usual ones."""
    pool, spare = _pool(dataset), 1 if dataset.split is None else 0
    names = dataset.class_names
    if shots is not None:
        for number in shots:
            check_shots(dataset.y, number, class_names=names, pool=pool, spare=spare)
        return sorted(shots), []
    least = int(np.bincount(dataset.y[pool], minlength=len(names)).min()) - spare
    kept = [number for number in USUAL if number <= least]
    if not kept:
        check_shots(dataset.y, 1, class_names=names, pool=pool, spare=spare)
    left = [str(number) for number in USUAL if number > least]
    note = f"No draws of {' or '.join(left)} {dataset.things} a class: the smallest class has {least + spare}."
    return kept, [note] if left else []


def _pool(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Return the images to draw from: all, or those that the data's own split gives for training."""
    return np.arange(len(dataset)) if dataset.split is None else dataset.part("train")


def _nodes(
    dataset: Dataset, features: Features, together: bool, shots: int, seed: int, notes: list[str]
) -> tuple[Dataset, np.ndarray]:
    """Return the images that take part and their features: all, unless they are too many to be named together."""
    if not together or len(dataset) <= LARGEST_GRAPH:
        return dataset, features.values
    from regraft.heads.folds import stratified_rows

    parts = [np.arange(len(dataset))] if dataset.split is None else [_pool(dataset), dataset.part("test")]
    limit = LARGEST_GRAPH // len(parts)
    kept = np.sort(np.concatenate([part[stratified_rows(dataset.y[part], limit, seed)] for part in parts]))
    notes.append(
        f"{len(kept):,} of the {dataset.count(len(dataset))} were drawn at random to be named together; "
        "--alone takes all."
    )
    chosen = dataset.take(kept)
    check_shots(chosen.y, shots, class_names=chosen.class_names, pool=_pool(chosen))
    return chosen, features.values[kept]


def _graph(views: list[np.ndarray]) -> Any:
    from threadpoolctl import threadpool_limits

    from regraft.heads.label_propagation import LabelPropagation

    with threadpool_limits(limits=1):
        return LabelPropagation(views)


def _point(
    dataset: Dataset,
    values: np.ndarray,
    views: dict[str, np.ndarray],
    heads: dict[str, dict[str, Any]],
    graph: Any,
    shots: int,
    episodes: int,
    seed: int,
) -> Point:
    """Play all episodes of one number of labelled images a class."""
    from threadpoolctl import threadpool_limits

    played: list[Episode] = []
    tested_images = 0
    with threadpool_limits(limits=1):
        for number in range(episodes):
            # Of their own for each number of images and each episode: asking for one more changes no other.
            rng = np.random.default_rng([seed, shots, number])
            support = draw(dataset.y, shots, rng, class_names=dataset.class_names, pool=_pool(dataset))
            tested = untouched(dataset, support)
            tested_images += len(tested)
            played.append(play(values, views, dataset.y, support, tested, heads, graph, seed, dataset.groups))
    alone = _figure([(episode.alone, episode.accuracy[episode.alone]) for episode in played])
    best = _figure([(episode.together, episode.accuracy[episode.together]) for episode in played]) if graph else alone
    tried: dict[str, list[float]] = {}
    for episode in played:
        for name, accuracy in episode.accuracy.items():
            tried.setdefault(name, []).append(accuracy)
    return Point(
        shots=shots,
        best=best,
        alone=alone,
        compared={name: (float(np.mean(values)), len(values)) for name, values in tried.items()},
        tested=round(tested_images / episodes),
        together=graph is not None,
        modality=dataset.modality,
    )


def _figure(named: list[tuple[str, float]]) -> Figure:
    accuracy, ci95 = mean_ci95([accuracy for _, accuracy in named])
    chosen = Counter(name for name, _ in named)
    return Figure(accuracy, ci95, chosen.most_common(1)[0][0], dict(chosen.most_common()))
