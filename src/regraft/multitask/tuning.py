"""The upper part of a backbone, made ready to be fine-tuned for several tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.backbones.stage_names import ALL
from regraft.data.dataset import TASK, Dataset
from regraft.data.images import decode, read_bytes
from regraft.features.engines import EngineName
from regraft.features.extraction import Features, extract
from regraft.features.streaming import Progress
from regraft.finetuning.augmentation import Augmentation
from regraft.finetuning.flips import check_flips
from regraft.finetuning.settings import Training
from regraft.multitask.kinds import KINDS
from regraft.multitask.trunks import TunedTrunk
from regraft.multitask.ways import Learner
from regraft.strategies.attempts import FLIPS_TRIED
from regraft.strategies.defaults import augmentation_of, default_stage, settled
from regraft.strategies.job import Job


def tuned_trunk(
    dataset: Dataset,
    backbone: Backbone,
    features: Features,
    learner: Learner,
    training: Training,
    engine: EngineName,
    seed: int,
    progress: Progress | None,
    say: Callable[[str], None],
) -> TunedTrunk:
    """Return what several tasks share where a network is fine-tuned.

    Parameters
    ----------
    dataset : Dataset
        Readable examples.
    backbone : Backbone
    features : Features
        Of all of them.
    learner : Learner
        Whose linear heads are fitted already.
    training : Training
        What it leaves open is settled here.
    engine : {"auto", "openvino", "torch"}
    seed : int
    progress : callable or None
    say : callable
        Called with each sentence about what is done.

    Raises
    ------
    UsageError
        If there is no such stage.
    """
    if training.unfreeze is None:
        training = replace(training, unfreeze=default_stage(backbone))
    training = settled(training, False, backbone.modality)
    # Batches bring each example's own position, by which its labels are looked up.
    positions = np.arange(len(dataset))
    job = Job(
        dataset=replace(dataset, labels={TASK: positions}, classes={TASK: ()}),
        protocol="holdout",
        backbones=(backbone,),
        features=features,
        heads={},
        head="linear",
        head_settings={},
        training=training,
        seed=seed,
        engine=engine,
        progress=progress,
    )
    parts = learner.parts
    judged = np.union1d(parts.val, parts.test)
    flips = training.flips == "on" or (
        training.flips == "auto"
        and _flips_do_no_harm(dataset, backbone, features, learner, training, engine, seed, say)
    )
    trunk = TunedTrunk(job, backbone, learner.everyone, judged, training, flips)
    if trunk.note:
        say(trunk.note)
    say(f"Fine-tuning {backbone.name} {'as a whole' if training.unfreeze == ALL else f'from {training.unfreeze}'}.")
    return trunk


def _flips_do_no_harm(
    dataset: Dataset,
    backbone: Backbone,
    features: Features,
    learner: Learner,
    training: Training,
    engine: EngineName,
    seed: int,
    say: Callable[[str], None],
) -> bool:
    """Return whether the first task of classes is named as well in mirrored images; True where there is none."""
    varied = augmentation_of(training, True, dataset.modality)
    first = next((i for i, task in enumerate(learner.tasks) if task.kind in ("classes", "ordinal")), None)
    if first is None or not isinstance(varied, Augmentation) or not varied.flip:
        return True
    task = learner.tasks[first]
    coef, intercept = learner.maps[first]
    shown = np.random.default_rng(seed).permutation(task.among(learner.parts.val))[:FLIPS_TRIED]
    images = [decode(read_bytes(dataset.examples[int(i)]), backbone.preprocessing.short_side) for i in shown]

    def predict(arrays: list[np.ndarray]) -> np.ndarray:
        names = [str(i) for i in range(len(arrays))]
        found = extract(arrays, names, (backbone,), engine=engine, precisions=features.precisions)
        return KINDS[task.kind].answers(found.values @ coef.T + intercept)

    flips = check_flips(images, task.values[shown], predict)
    if flips.harm:
        say(flips.sentence)
    return not flips.harm
