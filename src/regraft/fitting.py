"""The main job: labelled images in; a classifier and the evidence for how good it is out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.auditing.auditing import examine
from regraft.backbones.lookup import AUTO as USUAL
from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.card import card
from regraft.data.dataset import Dataset
from regraft.data.sources import read_source
from regraft.evaluation import metrics
from regraft.features.engines import EngineName, engine_name
from regraft.features.streaming import Progress
from regraft.finetuning.launching import launched
from regraft.finetuning.settings import Training
from regraft.protocol import check_classes, check_skipped, describe, few_shots, settle_protocol
from regraft.proving import classifier_of, prove
from regraft.request import (
    AUTO,
    FEW,
    Split,
    Strategy,
    another_pass,
    check_request,
    check_stage,
    checkpoint_folder,
    default_backbone,
    has_few,
    heads_of,
    held_together,
    network_head,
    reserve,
    with_source,
)
from regraft.result import Epoch, Result
from regraft.strategies.frozen import frozen
from regraft.strategies.job import Job
from regraft.strategies.layer import choosable, choose_layer
from regraft.strategies.run import run
from regraft.strategies.seen import see

Announce = Callable[[str], None]


def fit(
    data: Any,
    labels: Any = None,
    *,
    strategy: Strategy = "probe",
    training: Training = Training(),  # noqa: B008  frozen
    budget: float | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = USUAL,
    layer: str | None = None,
    pixels: Pixels = "weights",
    head: str = "auto",
    units: Sequence[int] | None = None,
    dropout: float | None = None,
    batch_norm: bool | None = None,
    shots: int | None = None,
    unlabelled: Any = None,
    test_size: float = 0.2,
    split: Split = "random",
    seed: int = 0,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    checkpoints: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
    report: Callable[[Epoch], None] | None = None,
    command: str = "",
) -> Result:
    """Learn to name images from labelled ones, and measure how well on images not learnt from.

    Parameters
    ----------
    data : path, array, list or Dataset
        A folder, table, HDF5 file or archive; or arrays, paths or bytes with `labels`.
    labels : sequence of str or int, optional
        One an image, where `data` is an array or a list.
    strategy : {"probe", "finetune", "scratch", "auto"}
        A head on frozen features; the network trained from its pretrained weights; a network trained from random
        ones, as the control; or the probe first, and training as far as validation images say that it pays.
    training : Training
        How a network is trained.
    budget : float, optional
        Seconds that all may take; the best classifier until then is kept.
    backbone : str, optional
        A name, or several joined by "+": their features stand side by side. Default: two small ones, and
        a small convolutional network from scratch.
    weights : path or "none", optional
        A local weights file, or "none" for random weights.
    image_size : int, optional
        Input size in pixels; default: the backbone's own.
    resize : {"crop", "stretch"}, optional
        How an image becomes a square; default: as the weights expect.
    pool : {"auto", "avg", "max", "time", "thirds", "first", "none", "scores"}
        How the last feature map becomes a vector; "auto" is the modality's usual way, and with `layer` "auto" chosen.
    layer : str, optional
        The stage whose output is taken for the last feature map, such as "blocks.3"; "auto" chooses it, and the
        pooling, by cross-validation on the training part, as is done for recordings where neither is named.
    pixels : {"weights", "0..1", "-1..1"}
        How pixels are scaled; default: as the weights expect.
    head : {"auto", "prototype", "logistic", "centroid", "knn", "mlp"}
        Of a probe; "auto" compares logistic regression, nearest centroid and nearest neighbours on the training
        data, or where these are few (or with `shots`) prototypes, logistic regression and nearest centroid. A trained
        network's head is linear, or "mlp".
    units : sequence of int, optional
        Hidden layers of the mlp head.
    dropout : float, optional
        Of the mlp head.
    batch_norm : bool, optional
        Of the mlp head.
    shots : int, optional
        Learn from so many images of each class, drawn at random, by a head that suits few, chosen by leaving each of
        them out; all other images are the test. For a probe only.
    unlabelled : path, array or list, optional
        Images without labels, such as a folder: the head learns from those too that it names surely (pseudo-labels),
        and is kept if it then names held-out labelled images better. For a probe only.
    test_size : float
        Share held out where the data have no split of their own.
    split : {"random", "blocks"}
        How it is held out: at random, or in blocks of neighbouring examples, which stay together.
    seed : int
        Of every random choice.
    column, label_column, group_column : str, optional
        Columns of a table; images of one group never straddle a split.
    images : path, optional
        Where a table's images are.
    label_from_name : bool
        Take the label from the start of the file name.
    skip_unreadable : bool
        Go on even if more than 5% of the images are unreadable.
    engine : {"auto", "openvino", "torch"}
    checkpoints : path, optional
        A folder for the checkpoints of a training, which stay there; default: a temporary one.
    resume : path, optional
        Such a folder of a training that was interrupted, to go on with.
    progress : callable, optional
        Called with (images done, n).
    announce : callable, optional
        Called with each sentence about what was inferred or found, as it comes.
    report : callable, optional
        Called with each `Epoch` of a training as it ends.
    command : str
        How the user asked for this, for the record.

    Returns
    -------
    Result

    Raises
    ------
    RegraftError
        Its children say what is wrong with the data, the request or the weights, and what to do.
    SystemExit
        When the training is over, in all processes but the first where several train together.
    """
    started, clock = time.perf_counter(), time.monotonic()
    check_request(strategy, training, budget, test_size, seed, head, checkpoints, resume, shots, unlabelled)
    processes = launched()
    processes.check(strategy, training.batch_size, budget)
    if not processes.first:
        progress = announce = report = None
    heads = heads_of(head, {"units": units, "dropout": dropout, "batch_norm": batch_norm}, few=shots is not None)
    folder = checkpoint_folder(checkpoints, resume) if processes.first else None
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
        backbone or default_backbone(strategy, dataset.modality),
        modality=dataset.modality,
        weights="none" if strategy == "scratch" else weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    if strategy != "probe":
        check_stage(backbones, training)
    check_classes(dataset)
    dataset = held_together(dataset, split)
    read = time.perf_counter()
    if shots is None:
        dataset, protocol = settle_protocol(dataset, test_size, seed)
    else:
        dataset, protocol = few_shots(dataset, shots, seed)
    say = announce or (lambda sentence: None)
    for sentence in describe(dataset, protocol):
        say(sentence)
    processes.join()
    chosen: list[str] = []
    # Under cross-validation every example is tested, so that none is left to choose by: the usual layer is taken.
    if strategy != "scratch" and protocol != "cross-validation" and choosable(backbones, pool, layer):
        with processes.in_turn():
            layers = choose_layer(
                dataset,
                backbones,
                pool=pool,
                seed=seed,
                engine=engine,
                skip_unreadable=skip_unreadable,
                progress=progress,
            )
        backbones = layers.backbones
        chosen.append(layers.sentence())
    with processes.in_turn():
        seen = see(
            dataset,
            backbones,
            transfers=strategy != "scratch",
            begun=clock,
            budget=budget,
            engine=engine,
            skip_unreadable=skip_unreadable,
            progress=progress,
        )
    features, backbones = seen.features, seen.backbones
    extracted = time.perf_counter()
    all_skipped = dataset.skipped + seen.skipped
    check_skipped(len(dataset) + len(dataset.skipped), all_skipped, skip_unreadable)
    dataset = replace(dataset.take(seen.index), skipped=all_skipped)
    check_classes(dataset)
    warned = [*chosen, *(() if features is None else features.notes), *seen.notes, *seen.warnings(dataset)]
    few = shots is not None or (strategy == "probe" and head == "auto" and has_few(dataset))
    heads = FEW if few and head == "auto" else heads
    overlap = None
    if features is not None:
        heads, overlap = with_source(heads, head, dataset.class_names, backbones)
        warned += [overlap.text] if overlap is not None and overlap.found else []
    for sentence in warned:
        say(sentence)
    if features is not None and strategy == "probe":
        outcome = frozen(
            dataset,
            features,
            backbones,
            protocol,
            heads,
            seed,
            few=few,
            unlabelled=unlabelled,
            engine=engine,
        )
        if outcome.taught is not None:
            say(f"Unlabelled: {outcome.taught.sentence()}")
        notes: tuple[str, ...] = ()
    else:
        job = Job(
            dataset=dataset,
            protocol=protocol,
            backbones=backbones,
            features=features,
            heads=heads if head != "mlp" else AUTO,
            head="mlp" if head == "mlp" else "linear",
            head_settings=network_head(heads) if head == "mlp" else {},
            training=training,
            seed=seed,
            engine=engine,
            scratch=strategy == "scratch",
            deadline=None if budget is None else clock + budget - reserve(budget, len(dataset)),
            folder=folder,
            resume=None if resume is None else Path(resume),
            progress=progress,
            announce=announce,
            report=report,
            processes=processes,
        )
        outcome = run(job, strategy)
        notes = tuple(job.notes)
    headed = time.perf_counter()
    fitted = outcome.fitted
    proven = prove(
        dataset,
        outcome,
        protocol,
        features,
        seen.looks,
        seed=seed,
        engine=engine,
        hurried=budget is not None and time.monotonic() + another_pass(len(dataset)) > clock + budget,
        transfers=strategy != "scratch" and not all(b.weights.random for b in fitted.backbones),
        few=few,
    )
    test = metrics.evaluate(dataset.y[outcome.test_index], proven.test_probabilities, dataset.class_names)
    evaluations = {"test": test}
    if proven.val_probabilities is not None:
        val = dataset.part("val")
        evaluations["val"] = metrics.evaluate(dataset.y[val], proven.val_probabilities, dataset.class_names)
    classifier = classifier_of(dataset, outcome, proven.trusted, test, protocol, strategy)
    evaluated = time.perf_counter()
    said = np.concatenate([outcome.held_out_probabilities, outcome.test_probabilities])
    judged = np.concatenate([outcome.held_out_index, outcome.test_index])
    audit = examine(
        dataset,
        None if features is None else features.values,
        seen.looks,
        # A classifier that learnt from a few images is no judge of the labels of all the others.
        probabilities=said if shots is None else None,
        index=judged if shots is None else None,
        skipped=all_skipped,
        seed=seed,
    )
    for sentence in audit.sentences():
        say(f"Audit: {sentence}")
    done = time.perf_counter()
    result = Result(
        classifier=classifier,
        dataset=dataset,
        protocol=protocol,
        evaluations=evaluations,
        test_index=outcome.test_index,
        test_probabilities=proven.test_probabilities,
        candidates=outcome.candidates,
        timings={
            "read": read - started,
            "features": extracted - read if features is None else features.seconds,
            "head" if strategy == "probe" else "training": headed - extracted,
            "evaluation": evaluated - headed,
            "audit": done - evaluated,
            "total": done - started,
        },
        engine=engine_name(engine) if features is None else features.engine,
        cache_hits=0 if features is None else features.cache_hits,
        cache_misses=0 if features is None else features.cache_misses,
        skipped=all_skipped,
        notes=dataset.notes + tuple(warned) + notes,
        seed=seed,
        strategy=strategy,
        command=command or _call(data, dataset),
        created=classifier.info["created"],
        settings={
            **(
                {}
                if dataset.modality == "text"
                else {
                    "image_size": [b.preprocessing.size for b in backbones],
                    "resize": [b.preprocessing.resize for b in backbones],
                }
            ),
            "pool": [b.pool for b in backbones],
            "layer": [b.layer for b in backbones],
            **({"test_size": test_size} if shots is None else {"shots": shots}),
            **({"views": list(outcome.views)} if few else {}),
            "split": split,
            "budget": budget,
            **({} if strategy == "probe" else {"training": training.to_dict()}),
        },
        attempts=outcome.attempts,
        history=outcome.history,
        trainable=fitted.attempt.trainable,
        augmentation=fitted.augmentation,
        evidence=proven.evidence,
        audit=audit,
        overlap=overlap,
        taught=outcome.taught,
    )
    return replace(result, classifier=replace(classifier, card=card(result)))


def _call(data: Any, dataset: Dataset) -> str:
    """Return the Python call for the record: a path as it is, arrays and lists by name only."""
    if isinstance(data, str | os.PathLike):
        return f"regraft.fit({os.fspath(data)!r})"
    return f"regraft.fit({dataset.name}, ...)"
