"""The main job: labelled images in; a classifier and the evidence for how good it is out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from regraft import __version__
from regraft.backbones.preprocessing import Resize
from regraft.backbones.registry import DEFAULT_BACKBONE, Backbone, Pool, get_backbones
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset, Skipped
from regraft.data.sources import list_images, read_source
from regraft.errors import DataError, UsageError
from regraft.evaluation import metrics
from regraft.evaluation.metrics import Evaluation
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.heads import head_class
from regraft.probe import Probe, probe
from regraft.protocol import check_classes, check_skipped, describe, settle_protocol
from regraft.result import Embedded, Evaluated, Result

Announce = Callable[[str], None]


def fit(
    data: Any,
    labels: Any = None,
    *,
    backbone: str = DEFAULT_BACKBONE,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: Pool = "avg",
    head: str = "auto",
    units: Sequence[int] | None = None,
    dropout: float | None = None,
    batch_norm: bool | None = None,
    test_size: float = 0.2,
    seed: int = 0,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Announce | None = None,
    command: str = "",
) -> Result:
    """Learn to name images from labelled ones, and measure how well on images not learnt from.

    Parameters
    ----------
    data : path, array, list or Dataset
        A folder, table, HDF5 file or archive; or arrays, paths or bytes with `labels`.
    labels : sequence of str or int, optional
        One an image, where `data` is an array or a list.
    backbone : str
        A name, or several joined by "+": their features stand side by side.
    weights : path or "none", optional
        A local weights file, or "none" for random weights.
    image_size : int, optional
        Input size in pixels; default: the backbone's own.
    resize : {"crop", "stretch"}, optional
        How an image becomes a square; default: as the weights expect.
    pool : {"avg", "max", "none"}
        How the last feature map becomes a vector.
    head : {"auto", "logistic", "centroid", "knn", "mlp"}
        "auto" compares logistic regression, nearest centroid and nearest neighbours on the training data.
    units : sequence of int, optional
        Hidden layers of the mlp head.
    dropout : float, optional
        Of the mlp head.
    batch_norm : bool, optional
        Of the mlp head.
    test_size : float
        Share held out where the data have no split of their own.
    seed : int
        Of every random choice.
    image_column, label_column, group_column : str, optional
        Columns of a table; images of one group never straddle a split.
    images : path, optional
        Where a table's images are.
    label_from_name : bool
        Take the label from the start of the file name.
    skip_unreadable : bool
        Go on even if more than 5% of the images are unreadable.
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
        Called with (images done, n).
    announce : callable, optional
        Called with each sentence about what was inferred, before the work starts.
    command : str
        How the user asked for this, for the record.

    Returns
    -------
    Result

    Raises
    ------
    RegraftError
        Its children say what is wrong with the data, the request or the weights, and what to do.
    """
    started = time.perf_counter()
    if not 0 < test_size < 1:
        raise UsageError(f"--test-size must be a share between 0 and 1, not {test_size}.")
    if seed < 0:
        raise UsageError(f"--seed must be 0 or above, not {seed}.")
    heads = _heads(head, {"units": units, "dropout": dropout, "batch_norm": batch_norm})
    backbones = get_backbones(backbone, weights=weights, image_size=image_size, resize=resize, pool=pool)
    dataset = read_source(
        data,
        labels=labels,
        image_column=image_column,
        label_column=label_column,
        group_column=group_column,
        images=images,
        label_from_name=label_from_name,
    )
    check_classes(dataset)
    read = time.perf_counter()
    dataset, protocol = settle_protocol(dataset, test_size, seed)
    if announce is not None:
        for sentence in (*describe(dataset, protocol), *_warnings(backbones)):
            announce(sentence)
    features = extract(
        dataset.examples,
        dataset.names,
        backbones,
        engine=engine,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
    extracted = time.perf_counter()
    skipped = dataset.skipped + features.skipped
    check_skipped(len(dataset) + len(dataset.skipped), skipped, skip_unreadable)
    dataset = replace(dataset.take(features.index), skipped=skipped)
    check_classes(dataset)
    learnt = probe(dataset, features.values, protocol, heads, seed)
    headed = time.perf_counter()
    test = metrics.evaluate(dataset.y[learnt.test_index], learnt.test_probabilities, dataset.class_names)
    evaluations = {"test": test, **learnt.validation}
    classifier = _classifier(dataset, backbones, features, learnt, test, protocol)
    done = time.perf_counter()
    return Result(
        classifier=classifier,
        dataset=dataset,
        protocol=protocol,
        evaluations=evaluations,
        test_index=learnt.test_index,
        test_probabilities=learnt.test_probabilities,
        candidates=learnt.selection.candidates,
        timings={
            "read": read - started,
            "features": features.seconds,
            "head": headed - extracted,
            "evaluation": done - headed,
            "total": done - started,
        },
        engine=features.engine,
        cache_hits=features.cache_hits,
        cache_misses=features.cache_misses,
        skipped=skipped,
        notes=dataset.notes + features.notes + tuple(_warnings(backbones)),
        seed=seed,
        command=command or _call(data, dataset),
        created=classifier.info["created"],
        settings={
            "image_size": [b.preprocessing.size for b in backbones],
            "resize": [b.preprocessing.resize for b in backbones],
            "pool": pool,
            "test_size": test_size,
        },
    )


def _warnings(backbones: tuple[Backbone, ...]) -> list[str]:
    random = [b.name for b in backbones if b.weights.random]
    if not random:
        return []
    return [f"Random weights: {', '.join(random)} knows nothing yet, so nothing is transferred."]


def _call(data: Any, dataset: Dataset) -> str:
    """Return the Python call for the record: a path as it is, arrays and lists by name only."""
    if isinstance(data, str | os.PathLike):
        return f"regraft.fit({os.fspath(data)!r})"
    return f"regraft.fit({dataset.name}, ...)"


def _heads(head: str, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the heads to compare, with their settings."""
    given = {name: value for name, value in settings.items() if value is not None}
    if head == "auto":
        if given:
            raise UsageError(f"--{next(iter(given)).replace('_', '-')} belongs to the mlp head; add --head mlp.")
        return {"logistic": {}, "centroid": {}, "knn": {}}
    if given and head != "mlp":
        raise UsageError(
            f"--{next(iter(given)).replace('_', '-')} belongs to the mlp head, but --head is {head}; "
            "use --head mlp or leave it out."
        )
    head_class(head)  # an unknown one is refused before the work, not after it
    return {head: given}


def _classifier(
    dataset: Dataset,
    backbones: tuple[Backbone, ...],
    features: Features,
    learnt: Probe,
    test: Evaluation,
    protocol: str,
) -> Classifier:
    tensors, settings = learnt.selection.head.state()
    return Classifier(
        classes=dataset.class_names,
        backbones=backbones,
        precisions=features.precisions,
        widths=features.widths,
        head=learnt.selection.name,
        tensors=tensors,
        settings=settings,
        info={
            "data": dataset.name,
            "images": len(dataset),
            "protocol": protocol,
            "test": {"n": test.n, "accuracy": test.accuracy, "accuracy_ci95": list(test.accuracy_ci95)},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
        },
    )


def evaluate(
    classifier: Classifier,
    data: Any,
    labels: Any = None,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> Evaluated:
    """Measure a classifier on labelled images; where the data have a test part, on that alone.

    Parameters
    ----------
    classifier : Classifier
    data, labels, image_column, label_column, images, label_from_name, skip_unreadable, engine, progress
        As in `fit`.

    Returns
    -------
    Evaluated

    Raises
    ------
    DataError
        If the data cannot be read, or have a class that the classifier does not know.
    """
    started = time.perf_counter()
    dataset = read_source(
        data,
        labels=labels,
        image_column=image_column,
        label_column=label_column,
        images=images,
        label_from_name=label_from_name,
    )
    total = len(dataset) + len(dataset.skipped)
    if dataset.split is not None and len(dataset.part("test")):
        dataset = dataset.take(dataset.part("test"))
    unknown = [name for name in dataset.class_names if name not in classifier.classes]
    if unknown:
        raise DataError(
            f"The data may only have the classifier's classes ({', '.join(classifier.classes[:10])}), "
            f"but have {', '.join(unknown[:5])}; rename or leave out those images, or fit anew."
        )
    features = extract(
        dataset.examples,
        dataset.names,
        classifier.backbones,
        engine=engine,
        precisions=classifier.precisions,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
    skipped = dataset.skipped + features.skipped
    check_skipped(total, skipped, skip_unreadable)
    dataset = dataset.take(features.index)
    if not len(dataset):
        raise DataError("There must be at least one readable image to evaluate on, but there is none.")
    order = np.array([classifier.classes.index(name) for name in dataset.class_names])
    probabilities = classifier.score(features.values)
    return Evaluated(
        evaluation=metrics.evaluate(order[dataset.y], probabilities, classifier.classes),
        dataset=dataset,
        probabilities=probabilities,
        skipped=skipped,
        notes=dataset.notes + features.notes,
        seconds=time.perf_counter() - started,
    )


def embed(
    data: Any,
    *,
    backbone: str = DEFAULT_BACKBONE,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: Pool = "avg",
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> Embedded:
    """Return the features of images, with their labels where the source has them.

    Parameters
    ----------
    data, backbone, weights, image_size, resize, pool, skip_unreadable, engine, progress
        As in `fit`; `data` may also be images without labels.

    Returns
    -------
    Embedded

    Raises
    ------
    RegraftError
        As in `fit`.
    """
    backbones = get_backbones(backbone, weights=weights, image_size=image_size, resize=resize, pool=pool)
    labels: tuple[str, ...] | None = None
    skipped: tuple[Skipped, ...] = ()
    try:
        dataset = read_source(data)
        examples, names, skipped = dataset.examples, dataset.names, dataset.skipped
        labels = tuple(dataset.class_names[i] for i in dataset.y)
    except DataError:
        found, called = list_images(data)
        examples, names = found, tuple(called)
    features = extract(examples, names, backbones, engine=engine, skip_unreadable=skip_unreadable, progress=progress)
    return Embedded(
        names=tuple(names[i] for i in features.index),
        features=features,
        labels=None if labels is None else tuple(labels[i] for i in features.index),
        skipped=skipped + features.skipped,
    )
