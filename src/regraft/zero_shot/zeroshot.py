"""`zeroshot`: a classifier of classes that are only named or described, measured where the images have labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.lookup import get_backbones
from regraft.backbones.registry import DEFAULT_BACKBONE
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset, Skipped
from regraft.data.sources import list_examples
from regraft.data.splits import without_split
from regraft.errors import DataError, UsageError
from regraft.evaluation.metrics import Evaluation, evaluate
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.protocol import check_skipped
from regraft.zero_shot.asking import settle
from regraft.zero_shot.card import card
from regraft.zero_shot.described import described_classifier, generalized_classifier, read_model
from regraft.zero_shot.embeddings import doubts
from regraft.zero_shot.result import Grounds, ZeroShot, overall


def zeroshot(
    data: Any = None,
    labels: Any = None,
    *,
    classes: str | Sequence[str] | None = None,
    descriptions: str | Path | Mapping[str, str] | None = None,
    model: Classifier | str | Path | None = None,
    clip: str | None = None,
    backbone: str = DEFAULT_BACKBONE,
    weights: str | Path | None = None,
    column: str | None = None,
    label_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> ZeroShot:
    """Return a classifier of classes that are only named or described; no image of them is learnt from.

    The network's own classes are weighed by how like they are to each class in words. With labelled images it is
    measured on all of them; other images are predicted.

    Parameters
    ----------
    data : path, array, list or Dataset, optional
        Labelled images, as in `fit`, or any images.
    labels : sequence, optional
        Of an array or a list of images.
    classes : str or sequence of str, optional
        Names, in one text with commas between them. "other", or "not_x" beside "x", stands for all that the others are
        not. Default: those of `descriptions`, else those of the labelled data.
    descriptions : path or mapping, optional
        What classes are, in plain English: a file of names and texts, or a mapping.
    model : Classifier or path, optional
        A trained classifier: the result has its classes, and the described ones after them.
    clip : str, optional
        A model of open_clip, such as ViT-B-32, in place of the network and the sentence encoder.
    backbone : str
        Network with known classes, or several joined by "+"; their opinions are averaged.
    weights : path or str, optional
        The network's, as in `fit`; of a model of open_clip, a file or the name of published ones.
    column, label_column, images, label_from_name, skip_unreadable, engine, progress
        As in `fit`.
    announce : callable, optional
        Called with what takes time, a sentence each.

    Returns
    -------
    ZeroShot

    Raises
    ------
    UsageError
        If the classes cannot be used, it is not known what the network was trained on, or a package is missing.
    DataError
        If the data or the descriptions cannot be read.

    References
    ----------
    Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, 2014.
    """
    started = time.perf_counter()
    if clip is not None and model is not None:
        raise UsageError("--clip and --model exclude each other: the model has a network of its own; leave one out.")
    trained = None if model is None else read_model(model)
    reading = {
        "column": column,
        "label_column": label_column,
        "images": images,
        "label_from_name": label_from_name,
    }
    asked = settle(data, labels, classes, descriptions, trained.classes if trained else (), reading)
    dataset, described, notes = asked.dataset, asked.described, list(asked.notes)
    if dataset is not None and dataset.modality != "image":
        raise UsageError(
            f"Zero-shot names images, but the data are {dataset.things}; label a few of each class, and see "
            "`regraft fewshot`."
        )
    examples = [] if data is None else list_examples(data, "image")[0] if dataset is None else dataset.examples
    if clip is not None:
        from regraft.zero_shot.prompted import prompted_classifier

        classifier, grounds, more = prompted_classifier(described, clip, weights, examples, engine)
        notes += more
    elif trained is not None:
        classifier, grounds, more = generalized_classifier(trained, described, announce)
        notes += more
    else:
        backbones = get_backbones(backbone, weights=weights)
        classifier, grounds = described_classifier(described, backbones, examples, engine, announce)
    if clip is None:
        notes += doubts(described.names, described.texts)
    notes += [sentence] if (sentence := overall(grounds)) else []
    found = ZeroShot(replace(classifier, card=card(classifier, grounds)), grounds)
    if dataset is not None:
        found = _evaluated(found, dataset, trained, skip_unreadable, engine, progress)
    elif data is not None:
        predictions = classifier.predict(data, engine=engine, progress=progress)
        found = replace(found, predictions=tuple(predictions))
    return replace(found, notes=(*found.notes, *notes), seconds=time.perf_counter() - started)


def _evaluated(
    found: ZeroShot,
    dataset: Dataset,
    trained: Classifier | None,
    skip_unreadable: bool,
    engine: EngineName,
    progress: Progress | None,
) -> ZeroShot:
    """Return the classifier with its figures on labelled images."""
    classifier = found.classifier
    features = extract(
        dataset.examples,
        dataset.names,
        classifier.backbones,
        engine=engine,
        precisions=classifier.precisions,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
    skipped: tuple[Skipped, ...] = dataset.skipped + features.skipped
    check_skipped(len(dataset) + len(dataset.skipped), skipped, skip_unreadable)
    kept = dataset.take(features.index)
    if not len(kept):
        raise DataError("There must be at least one readable image to evaluate on, but there is none.")
    notes = list(without_split(dataset).notes + features.notes)
    if dataset.split is not None:
        notes.append(f"All {len(kept):,} images are evaluated, of whatever part: nothing is learnt from any.")
    result = evaluate(kept.y, classifier.score(features.values), classifier.classes)
    if trained is not None:
        notes += _cost(trained, features, kept, result, found.grounds)
    measured = {"n": result.n, "accuracy": result.accuracy, "accuracy_ci95": list(result.accuracy_ci95)}
    classifier = replace(
        classifier,
        info={**classifier.info, "data": dataset.name, "test": measured},
        card=card(classifier, found.grounds, result),
    )
    return replace(found, classifier=classifier, evaluation=result, dataset=kept, skipped=skipped, notes=tuple(notes))


def _cost(
    trained: Classifier, features: Features, kept: Dataset, result: Evaluation, grounds: Sequence[Grounds]
) -> list[str]:
    """Return what the described classes take from the trained ones, in a sentence."""
    own = kept.y < len(trained.classes)
    if not own.any():
        return []
    alone = float((trained.score(features.values[own]).argmax(axis=1) == kept.y[own]).mean())
    hits = np.diag(result.confusion)[: len(trained.classes)].sum()
    beside = float(hits / own.sum())
    return [
        f"Of the {int(own.sum()):,} images of trained classes the model alone names {alone:.1%} correctly, and "
        f"{beside:.1%} with the {len(grounds) - len(trained.classes)} described classes beside them (images that it "
        "learnt from, if any are among them, make both look better)."
    ]
