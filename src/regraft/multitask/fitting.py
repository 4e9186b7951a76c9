"""Several columns of labels in; one model of all of them, and what learning together did to each, out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.backbones.lookup import AUTO as USUAL
from regraft.backbones.lookup import get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.backbones.registry import DEFAULTS, Backbone
from regraft.data.dataset import SPLITS, Dataset
from regraft.data.tasks import NO_LABEL, read_tasks
from regraft.features.engines import EngineName
from regraft.features.extraction import Features
from regraft.features.streaming import Progress
from regraft.finetuning.settings import Training
from regraft.multitask.kinds import KINDS
from regraft.multitask.measuring import compare
from regraft.multitask.packing import pack
from regraft.multitask.recognition import make_tasks
from regraft.multitask.request import check_request, check_single, one_backbone
from regraft.multitask.result import TaskFound, TasksResult
from regraft.multitask.splitting import Parts, settle_parts, settle_test
from regraft.multitask.tasks import Task
from regraft.multitask.ways import Learner, Way
from regraft.multitask.weighting import WeightingName
from regraft.protocol import check_skipped
from regraft.strategies.seen import see

if TYPE_CHECKING:
    from regraft.multitask.trunks import Trunk

Announce = Callable[[str], None]


def fit_tasks(
    data: str | Path,
    *,
    label_columns: Sequence[str],
    weighting: WeightingName = "equal",
    task_kinds: Mapping[str, str] | None = None,
    strategy: str = "probe",
    training: Training = Training(),  # noqa: B008  frozen
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = USUAL,
    layer: str | None = None,
    pixels: Pixels = "weights",
    test_size: float = 0.2,
    seed: int = 0,
    column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    skip_unreadable: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Announce | None = None,
    command: str = "",
) -> TasksResult:
    """Learn several tasks on shared features, together and each alone, and keep for each task what does better.

    Every task is learnt in three ways on the same examples: by a linear head on the frozen features, by a network for
    it alone, and by the network of all tasks. The way with the least loss on validation examples is kept; the test
    examples, which choose nothing, tell what learning together did.

    Parameters
    ----------
    data : path
        A table of images, texts or recordings, or a folder with one.
    label_columns : sequence of str
        Its columns of labels; a single one must be of numbers, ordered classes or several labels a cell. A cell may be
        empty: such a label is not known, and takes no part.
    weighting : {"equal", "uncertainty", "grad-norm"}
        How the tasks' losses become one.
    task_kinds : mapping of str to str, optional
        "classes", "multi-label", "ordinal" or "numbers" by column, where what is recognised is not what is meant;
        ordinal is never guessed.
    strategy : {"probe", "finetune"}
        What tasks share: a layer on frozen features, or the upper part of the network itself.
    training : Training
        How it is fine-tuned.
    backbone, weights, image_size, resize, pool, layer, pixels
        As for `fit`.
    test_size : float
        Share held out where the table has no split of its own; stratified by the first task of classes.
    seed : int
        Of every random choice.
    column, group_column : str, optional
        The column of examples, and that of groups, which never straddle a split.
    images : path, optional
        Where the files are.
    skip_unreadable : bool
        Go on even if more than 5% of the examples are unreadable.
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
        Called with (examples done, n).
    announce : callable, optional
        Called with each sentence about what was inferred or found, as it comes.
    command : str
        How the user asked for this, for the record.

    Returns
    -------
    TasksResult

    Raises
    ------
    RegraftError
        Its children say what is wrong with the data, the request or the weights, and what to do.

    References
    ----------
    R. Caruana, Multitask Learning, 1997.
    """
    started = time.perf_counter()
    say = announce or (lambda sentence: None)
    check_request(strategy, training, weighting, test_size, seed)
    cells = read_tasks(data, label_columns, column=column, group_column=group_column, images=images)
    tasks, said = make_tasks(cells.columns, task_kinds)
    check_single(tasks)
    dataset, protocol = settle_test(cells.dataset, tasks, test_size, seed)
    settle_parts(dataset, tasks, seed)  # what cannot be learnt is said before the features are computed
    backbones = get_backbones(
        backbone or _default_backbone(strategy, dataset.modality),
        modality=dataset.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    if strategy == "finetune":
        one_backbone(backbones)
    for sentence in (
        f"{dataset.count(len(dataset))}, {len(tasks)} task{'s' if len(tasks) > 1 else ''}.",
        *said,
        *_described(dataset, protocol),
    ):
        say(sentence)
    read = time.perf_counter()
    seen = see(
        dataset,
        backbones,
        transfers=True,
        begun=time.monotonic(),
        budget=None,
        engine=engine,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
    features = seen.features
    assert features is not None
    extracted = time.perf_counter()
    skipped = dataset.skipped + seen.skipped
    # Labels may be missing: who has none at all takes no part, and is no sign of a broken table.
    unusable = tuple(each for each in skipped if each.reason != NO_LABEL)
    check_skipped(len(dataset) + len(unusable), unusable, skip_unreadable)
    dataset = replace(dataset.take(seen.index), skipped=skipped)
    tasks = tuple(task.take(seen.index) for task in tasks)
    parts = settle_parts(dataset, tasks, seed)
    warned = (*features.notes, *seen.warnings(dataset))
    for sentence in warned:
        say(sentence)

    refit = training.refit
    learner = Learner(tasks, parts, features.values, seed, refit)
    linear = learner.linear()
    trunk = _trunk(strategy, dataset, backbones, features, learner, training, engine, seed, progress, say)
    alone = []
    for position, task in enumerate(tasks):
        say(f"Learning {task.name} alone.")
        alone.append(learner.network(trunk, [position], weighting)[0][0])
    ways = [{"linear": a, "alone": b} for a, b in zip(linear, alone, strict=True)]
    counted = [1.0]
    if len(tasks) > 1:
        say(f"Learning {len(tasks)} tasks together ({weighting}).")
        together, counted = learner.network(trunk, range(len(tasks)), weighting)
        ways = [{**own, "together": way} for own, way in zip(ways, together, strict=True)]
    kept = [min(found, key=lambda way: found[way].val_loss) for found in ways]
    learnt = time.perf_counter()
    found = tuple(_found(task, parts, each, way, seed) for task, each, way in zip(tasks, ways, kept, strict=True))
    model = pack(dataset, backbones, features, trunk, tasks, ways, kept, found, engine)
    done = time.perf_counter()
    result = TasksResult(
        model=model,
        dataset=dataset,
        tasks=found,
        weighting=weighting,
        weights={task.name: weight for task, weight in zip(tasks, counted, strict=True)},
        strategy=strategy,
        protocol=protocol,
        settings={
            "test_size": test_size,
            "pool": [b.pool for b in backbones],
            "layer": [b.layer for b in backbones],
            **({"training": trunk.training.to_dict()} if strategy == "finetune" else {}),
        },
        notes=(*said, *dataset.notes, *warned),
        skipped=skipped,
        timings={
            "read": read - started,
            "features": extracted - read,
            "training": learnt - extracted,
            "evaluation": done - learnt,
            "total": done - started,
        },
        seed=seed,
        command=command or f"regraft.fit_tasks({str(data)!r}, label_columns={tuple(label_columns)!r})",
    )
    for each in found:
        say(f"{each.sentence}")
    return result


def _default_backbone(strategy: str, modality: str) -> str:
    # Fine-tuned, the network is one: its upper part is what the tasks share.
    return DEFAULTS[modality].split("+")[0] if strategy == "finetune" else DEFAULTS[modality]


def _described(dataset: Dataset, protocol: str) -> list[str]:
    parts = [f"{len(dataset.part(part)):,} {part}" for part in SPLITS if len(dataset.part(part))]
    sentences = [f"Split: {', '.join(parts)}{' (your own)' if protocol == 'given' else ''}."]
    return sentences + [f"Note: {note}." if not note.endswith(".") else f"Note: {note}" for note in dataset.notes]


def _trunk(
    strategy: str,
    dataset: Dataset,
    backbones: tuple[Backbone, ...],
    features: Features,
    learner: Learner,
    training: Training,
    engine: EngineName,
    seed: int,
    progress: Progress | None,
    say: Announce,
) -> Trunk:
    if strategy == "probe":
        from regraft.multitask.trunks import FrozenTrunk

        return FrozenTrunk(features.values, learner.parts.train)
    from regraft.multitask.tuning import tuned_trunk

    return tuned_trunk(dataset, backbones[0], features, learner, training, engine, seed, progress, say)


def _found(task: Task, parts: Parts, ways: dict[str, Way], kept: str, seed: int) -> TaskFound:
    kind, test = KINDS[task.kind], task.among(parts.test)
    prior = kind.prior(task.values[task.among(parts.train)], len(task.classes))
    answers = {name: kind.answers(way.test_logits) for name, way in ways.items()}
    return TaskFound(
        name=task.name,
        kind=task.kind,
        classes=task.classes,
        n_train=len(task.among(parts.train)),
        n_val=len(task.among(parts.val)),
        n_test=len(test),
        n_missing=int((~task.known).sum()),
        val_loss={name: way.val_loss for name, way in ways.items()},
        epochs={name: way.epochs for name, way in ways.items() if way.epochs},
        kept=kept,
        compared=compare(task.kind, task.values[test], answers, kind.answers(prior[None])[0], seed),
    )
