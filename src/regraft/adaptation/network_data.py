"""Two domains as one data set, as the training of a network takes it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from regraft.adaptation.base import Known
from regraft.backbones.registry import Backbone
from regraft.data.dataset import TASK, Dataset
from regraft.features.engines import EngineName
from regraft.features.extraction import Features
from regraft.features.streaming import Progress
from regraft.finetuning.settings import Training
from regraft.heads.folds import train_test_pairs
from regraft.result import Epoch
from regraft.strategies.job import Job


def held_out_of(source: Dataset, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the positions in the source that are learnt from, and a fifth that is not, or its validation part."""
    train, val = np.asarray(source.part("train"), np.intp), np.asarray(source.part("val"), np.intp)
    if len(val):
        return train, val
    groups = None if source.groups is None else source.groups[train]
    pairs = train_test_pairs(source.y[train], 5, groups, seed)
    if not pairs:
        return train, val
    learnt, held_out = pairs[0]
    return train[learnt], train[held_out]


def joined(source: Dataset, target: Dataset, known: Known) -> Dataset:
    """Return the examples of both; those of the target have no label (-1) but where it is known."""
    unlabelled = np.full(len(target), -1, np.int64)
    unlabelled[known.rows] = known.y
    return Dataset(
        examples=[*source.examples, *target.examples],
        names=(*source.names, *target.names),
        labels={TASK: np.concatenate([source.y, unlabelled])},
        classes={TASK: source.class_names},
        modality=source.modality,
        name=source.name,
        _keep=(source, target),
    )


def job_on(
    dataset: Dataset,
    backbone: Backbone,
    features: tuple[np.ndarray, np.ndarray] | None,
    training: Training,
    seed: int,
    engine: EngineName,
    progress: Progress | None,
    announce: Callable[[str], None] | None,
    report: Callable[[Epoch], None] | None,
) -> Job:
    found = None
    if features is not None:
        values = np.concatenate(features)
        found = Features(values, np.arange(len(values)), (), ("f32",), (values.shape[1],), engine, 0, 0, 0.0)
    return Job(
        dataset=dataset,
        protocol="holdout",
        backbones=(backbone,),
        features=found,
        heads={},
        head="linear",
        head_settings={},
        training=training,
        seed=seed,
        engine=engine,
        progress=progress,
        announce=announce,
        report=report,
    )
