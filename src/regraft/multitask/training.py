"""One training of some tasks on one trunk, from its start to the best of its epochs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader

from regraft.errors import RegraftError
from regraft.finetuning.launching import check_alone
from regraft.finetuning.module import Diverged
from regraft.finetuning.network import TrainedNetwork
from regraft.finetuning.settings import Training
from regraft.finetuning.training import quiet_trainer
from regraft.multitask.heads import Map
from regraft.multitask.kinds import KINDS
from regraft.multitask.module import JointEpoch, JointTraining
from regraft.multitask.tasks import Task
from regraft.multitask.trunks import Trunk
from regraft.multitask.weighting.build import build_weighting


@dataclass(frozen=True, eq=False)
class Learnt:
    """A network that was trained for some tasks.

    Parameters
    ----------
    network : TrainedNetwork
        As it was after its best epoch, or, where nothing was held out, as it ended.
    epochs : tuple of JointEpoch
    best : int
        The best epoch, from 1; the last where nothing was held out.
    """

    network: TrainedNetwork
    epochs: tuple[JointEpoch, ...]
    best: int


def learn(
    trunk: Trunk,
    tasks: Sequence[Task],
    maps: Sequence[Map],
    train: np.ndarray,
    val: np.ndarray | None,
    weighting: str,
    seed: int,
    epochs: int | None = None,
) -> Learnt:
    """Train a network for some tasks.

    Parameters
    ----------
    trunk : Trunk
    tasks : sequence of Task
        Of all examples; numbers are standardised.
    maps : sequence of (coefficients, intercepts)
        What linear maps of the frozen features have learnt of the same tasks.
    train : int array
        Positions to learn from; those without a label of any of the tasks are left out.
    val : int array or None
        Positions by which the best epoch is chosen.
    weighting : {"equal", "uncertainty", "grad-norm"}
    seed : int
    epochs : int, optional
        Where they are known already.

    Raises
    ------
    UsageError
        If several processes were started.
    RegraftError
        If the training diverges before its first epoch ends.
    """
    check_alone("A training of several tasks")
    labelled = np.logical_or.reduce([task.known for task in tasks])
    train = train[labelled[train]]
    training = trunk.training if epochs is None else replace(trunk.training, epochs=epochs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = trunk.network(tasks, maps)
        batches = trunk.train_batches(train, seed)
        usual = [_usual(task, train) for task in tasks]
        way = build_weighting(weighting, [task.kind for task in tasks], usual)
        settled, form = trunk.precision(network, next(iter(batches))[0])
        network = network.to(memory_format=form)
        module = JointTraining(network, training, len(batches), tasks, way)
        held_out = None if val is None else trunk.plain_batches(val[labelled[val]])
        _fit(module, batches, held_out, training, settled)
    module.cpu()
    network.eval()
    if module.best is not None:
        network.load_state_dict(module.best)
    return Learnt(network, tuple(module.epochs), module.best_epoch or len(module.epochs))


def _usual(task: Task, train: np.ndarray) -> float:
    """Return the loss of one who knows the shares of the labels and sees no example."""
    kind, truth = KINDS[task.kind], task.values[task.among(train)]
    prior = kind.prior(truth, len(task.classes))
    return max(float(kind.losses(np.repeat(prior[None], len(truth), axis=0), truth).mean()), 1e-6)


def _fit(
    module: JointTraining,
    batches: DataLoader[Any],
    held_out: DataLoader[Any] | None,
    training: Training,
    precision: str,
) -> None:
    callbacks: list[pl.Callback] = []
    if training.average:
        steps = (training.epochs or 1) * module.steps
        callbacks.append(EMAWeightAveraging(decay=min(0.999, max(0.5, 1 - 10 / steps))))
    trainer = quiet_trainer(
        callbacks=callbacks,
        max_epochs=training.epochs,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        gradient_clip_val=training.clip or None,
        enable_checkpointing=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            trainer.fit(module, batches, held_out)
        except Diverged as stopped:
            if module.best is None:
                raise RegraftError(
                    f"The training of {', '.join(task.name for task in module.tasks)} must converge, but {stopped}; "
                    "lower --learning-rate."
                ) from stopped
        except SystemExit as stopped:
            if not isinstance(stopped.__context__, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from stopped
