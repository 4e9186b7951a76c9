"""What is done with labelled images: `fit`, `evaluate`, `embed`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.classifier import Classifier
from regraft.data.dataset import Skipped
from regraft.data.modality import check_modality, of_examples
from regraft.data.sources import list_examples, read_source
from regraft.errors import DataError
from regraft.evaluation import metrics
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress
from regraft.fitting import fit
from regraft.protocol import check_skipped
from regraft.result import Embedded, Evaluated

__all__ = ["embed", "evaluate", "fit"]


def evaluate(
    classifier: Classifier,
    data: Any,
    labels: Any = None,
    *,
    column: str | None = None,
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
    data, labels, column, label_column, images, label_from_name, skip_unreadable, engine, progress
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
        column=column,
        label_column=label_column,
        images=images,
        label_from_name=label_from_name,
    )
    check_modality(dataset.modality, classifier.modality, dataset.name)
    total = len(dataset) + len(dataset.skipped)
    if dataset.split is not None and len(dataset.part("test")):
        dataset = dataset.take(dataset.part("test"))
    unknown = [name for name in dataset.class_names if name not in classifier.classes]
    if unknown:
        raise DataError(
            f"The data may only have the classifier's classes ({', '.join(classifier.classes[:10])}), "
            f"but have {', '.join(unknown[:5])}; rename or leave out those {dataset.things}, or fit anew."
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
        raise DataError(f"There must be readable {dataset.things} to evaluate on, but there are none.")
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
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> Embedded:
    """Return the features of images, with their labels where the source has them.

    Parameters
    ----------
    data, backbone, weights, image_size, resize, pool, layer, pixels, skip_unreadable, engine, progress
        As in `fit`; `data` may also be images without labels.

    Returns
    -------
    Embedded

    Raises
    ------
    RegraftError
        As in `fit`.
    """
    labels: tuple[str, ...] | None = None
    skipped: tuple[Skipped, ...] = ()
    try:
        dataset = read_source(data)
        examples, names, skipped = dataset.examples, dataset.names, dataset.skipped
        modality = dataset.modality
        labels = tuple(dataset.class_names[i] for i in dataset.y)
    except DataError:
        found, called = list_examples(data)
        examples, names = found, tuple(called)
        modality = of_examples(examples)
    backbones = get_backbones(
        backbone,
        modality=modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    features = extract(examples, names, backbones, engine=engine, skip_unreadable=skip_unreadable, progress=progress)
    return Embedded(
        names=tuple(names[i] for i in features.index),
        features=features,
        labels=None if labels is None else tuple(labels[i] for i in features.index),
        skipped=skipped + features.skipped,
        modality=modality,
    )
