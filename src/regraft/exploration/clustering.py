"""Clusters of images by their features: k-means after evening features out over nearest neighbours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.data.dataset import NOUNS, Skipped
from regraft.errors import DataError, UsageError
from regraft.exploration.agreement import agreement
from regraft.exploration.clusters import Clusters
from regraft.exploration.images import Images, read_images
from regraft.exploration.number import Tried, best, k_means, try_numbers
from regraft.exploration.projection import MOST, Map, check_map, project
from regraft.exploration.smoothing import reduced, smoothed
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress
from regraft.heads.scoring import unit_rows


def cluster(
    data: Any,
    labels: Any = None,
    *,
    clusters: int | str = "auto",
    map: Map = "auto",
    seed: int = 0,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    column: str | None = None,
    label_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Clusters:
    """Divide images into clusters by their features; labels, where there are any, are only compared with.

    Parameters
    ----------
    data, labels, column, label_column, images, label_from_name, engine, progress, announce
        As in `fit`; `data` may also be images without labels. Unreadable ones are left out, however many they are.
    clusters : int or "auto"
        How many; "auto" chooses the number by silhouette times stability.
    map : {"auto", "umap", "tsne"}
        How the images are laid out in the plane; "auto" takes UMAP for many images where it is installed.
    seed : int
        Of every random choice.
    backbone, weights, image_size, resize, pool, layer, pixels
        As in `fit`.

    Returns
    -------
    Clusters

    Raises
    ------
    UsageError
        If `clusters` is neither "auto" nor a whole number from 1 to the number of images.
    RegraftError
        If there are no images, or none can be read.
    """
    started = time.perf_counter()
    asked = check_clusters(clusters)
    check_map(map)
    found = read_images(
        data,
        labels,
        column=column,
        label_column=label_column,
        images=images,
        label_from_name=label_from_name,
    )
    backbones = get_backbones(
        backbone,
        modality=found.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    say = announce or (lambda sentence: None)
    say(f"{found.count(len(found))}{'' if found.labels is None else ', with labels to compare with'}.")
    for note in found.notes:
        say(f"Note: {note.rstrip('.')}.")
    features = extract(found.examples, found.names, backbones, engine=engine, skip_unreadable=True, progress=progress)
    skipped = found.skipped + features.skipped
    _check_enough(len(features.index), asked, skipped, found.modality)
    for note in features.notes:
        say(note)
    divided = divide(_readable(found, features.index), features.values, asked, map, seed)
    return replace(
        divided,
        backbone="+".join(each.name for each in backbones),
        skipped=skipped,
        notes=found.notes + divided.notes + features.notes,
        seconds=time.perf_counter() - started,
    )


def check_clusters(clusters: int | str) -> int | None:
    """Return the number of clusters asked for, None for "auto".

    Raises
    ------
    UsageError
        If it is neither "auto" nor a whole number above 0.
    """
    if clusters == "auto":
        return None
    try:
        number = int(clusters)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if number < 1 or isinstance(clusters, float):
        raise UsageError(f"--clusters must be auto or a whole number above 0, not {clusters!r}.")
    return number


def _check_enough(n: int, asked: int | None, skipped: tuple[Skipped, ...], modality: str) -> None:
    thing, things = NOUNS[modality]
    if n == 0:
        why = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
        raise DataError(f"There must be at least one readable {thing}, but there is none{why}; mend the files.")
    if asked is not None and asked > n:
        left = f", {len(skipped):,} more cannot be read" if skipped else ""
        raise UsageError(
            f"--clusters must be at most the number of readable {things}, which is {n:,}{left}, not {asked:,}; "
            "ask for fewer."
        )


def _readable(images: Images, index: npt.NDArray[np.integer]) -> Images:
    if len(index) == len(images):
        return images
    return replace(
        images,
        examples=[images.examples[int(i)] for i in index],
        names=tuple(images.names[int(i)] for i in index),
        labels=None if images.labels is None else tuple(images.labels[int(i)] for i in index),
    )


def divide(
    images: Images, values: npt.NDArray[np.float32], asked: int | None = None, map: Map = "auto", seed: int = 0
) -> Clusters:
    """Divide images whose features are at hand.

    Parameters
    ----------
    images : Images
        n readable ones.
    values : float32 array of shape (n, d)
    asked : int or None
        The number of clusters, at most n; None to choose it.
    map, seed
        As in `cluster`.

    Raises
    ------
    DataError
        If the number is to be chosen and there are fewer than 10 images.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        points = reduced(values)
        tried: tuple[Tried, ...] = () if asked is not None else try_numbers(points, seed, images.things)
        number = best(tried) if asked is None else asked
        different = len({hash(row.tobytes()) for row in values})
        assignment = _largest_first(_assigned(points, min(number, different), seed))
        closeness, margin = _nearness(points, assignment)
        drawn = np.arange(len(points))
        if len(points) > MOST:
            drawn = np.sort(np.random.default_rng(seed).permutation(len(points))[:MOST])
        places = np.full((len(points), 2), np.nan, np.float32)
        places[drawn], method = project(points[drawn], map, seed)
    notes = (
        (f"The map shows {MOST:,} of the {images.count(len(points))}, drawn at random.",) if len(points) > MOST else ()
    )
    return Clusters(
        images=images,
        assignment=assignment,
        closeness=closeness,
        margin=margin,
        places=places,
        map_method=method,
        asked=asked,
        tried=tried,
        agreement=agreement(assignment, images.labels),
        backbone="",
        notes=notes,
    )


def _assigned(points: npt.NDArray[np.float32], number: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the cluster of each point (n,), counted from 0."""
    labels = k_means(smoothed(points), number, seed)
    # Of a few images, evening out makes one.
    return labels if len(np.unique(labels)) == number else k_means(points, number, seed)


def _largest_first(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the clusters counted from 1, the largest first; of equal ones, that of the earlier image."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    number = np.empty(int(names.max()) + 1, np.int64)
    number[names[order]] = np.arange(1, len(names) + 1)
    return number[labels]


def _nearness(
    points: npt.NDArray[np.float32], assignment: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the cosine of each point to its cluster's centre, and how far that exceeds the next centre's."""
    k, rows = int(assignment.max()), np.arange(len(points))
    centres = unit_rows(np.stack([points[assignment == number].mean(axis=0) for number in range(1, k + 1)]))
    cosines = points @ centres.T
    own = cosines[rows, assignment - 1].copy()
    cosines[rows, assignment - 1] = -np.inf
    return own, own - cosines.max(axis=1) if k > 1 else own
