"""The training of several heads on one network, as Lightning wants it told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from regraft.finetuning.batches import as_floats
from regraft.finetuning.module import Diverged, FineTuning
from regraft.finetuning.network import TrainedNetwork
from regraft.finetuning.schedules import phases
from regraft.finetuning.settings import Training
from regraft.multitask.heads import columns_of, loss_of
from regraft.multitask.kinds import KINDS
from regraft.multitask.tasks import Task
from regraft.multitask.weighting.base import Weighting

WEIGHTS = "weights"
"""The group of parameters of a weighting."""

WEIGHTS_RATE = 0.02
"""Their learning rate: some hundred steps must do to find a noise that is several times another."""


@dataclass(frozen=True)
class JointEpoch:
    """How a training of several tasks stood after an epoch.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss : float
        The mean of what was minimised.
    val_losses : tuple of float
        Each task's, in units of the loss of one who sees no example; empty where nothing was held out.
    weights : tuple of float
        What each task's loss counted.
    """

    epoch: int
    train_loss: float
    val_losses: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def val_loss(self) -> float:
        """By which epochs are compared: the mean over the tasks."""
        return sum(self.val_losses) / len(self.val_losses) if self.val_losses else math.nan


class JointTraining(FineTuning):
    """Trains a network for several tasks; batches bring the position of each example instead of a class.

    Parameters
    ----------
    network : TrainedNetwork
        Its head gives the logits of all tasks side by side.
    training : Training
        Settled.
    steps : int
        Of an epoch.
    tasks : sequence of Task
        Of all examples; numbers are standardised.
    weighting : Weighting
    """

    def __init__(
        self,
        network: TrainedNetwork,
        training: Training,
        steps: int,
        tasks: Sequence[Task],
        weighting: Weighting,
    ) -> None:
        assert training.epochs is not None
        plan = phases("together", network.trained, training.epochs)
        super().__init__(network, training, plan, steps, 0, None, None, "", {}, 0.0)
        self.tasks = tuple(tasks)
        self.columns = columns_of(tasks)
        self.weighting = weighting
        # No buffers, which averaging would average too; and copies, so that nothing can reach the data.
        self.truths = [_tensor(task.values) for task in tasks]
        self.known = [_tensor(task.known) for task in tasks]
        self.epochs: list[JointEpoch] = []
        self.best: dict[str, torch.Tensor] | None = None
        self._state: dict[str, torch.Tensor] = {}

    @property
    def shared(self) -> torch.Tensor | None:
        """The weights of the last layer that all tasks share and that is trained; None where there is none."""
        own = getattr(self.network.head, "shared", None)
        if own is not None:
            return own.weight
        # The topmost stage may be a normalisation alone, which has no matrix.
        matrices = [p for name in self.network.trained for p in self.network.stage(name).parameters() if p.ndim > 1]
        return matrices[-1] if matrices else None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer, with a group of the weighting's own where it learns anything."""
        optimizer = super().configure_optimizers()
        learnt = list(self.weighting.parameters())
        if learnt:
            settings = {"lr": WEIGHTS_RATE, "peak": WEIGHTS_RATE, "stage": WEIGHTS, "weight_decay": 0.0}
            optimizer.add_param_group({"params": learnt, **settings})
        return optimizer

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_index: int) -> torch.Tensor:
        """Return the weighted loss of a batch; labels that are not known take no part."""
        inputs, rows = batch
        logits = self.network(as_floats(inputs)).float()
        losses = {}
        for position, task in enumerate(self.tasks):
            known = self.known[position][rows.cpu()].to(logits.device)
            if known.any():
                truth = self.truths[position][rows.cpu()].to(logits.device)[known]
                of_task = logits[:, self.columns[position]][known]
                losses[position] = loss_of(task, of_task, truth, self.training_settings.label_smoothing)
        if not losses:
            return logits.sum() * 0.0
        loss = self.weighting.combine(losses, self.shared)
        if not math.isfinite(loss.item()):
            raise Diverged(self.global_step + 1, self.current_epoch + 1)
        self._losses.append(loss.detach())
        return loss

    def on_train_epoch_end(self) -> None:
        """Keep how the epoch went, where nothing is held out to judge it by."""
        if not self.trainer.val_dataloaders:
            self._keep(())

    def on_validation_epoch_start(self) -> None:
        """Begin to collect; the weights may be averages now, and these are what is judged and kept."""
        super().on_validation_epoch_start()
        self._state = deepcopy(self.network.state_dict())

    def on_validation_epoch_end(self) -> None:
        """Judge the epoch by each task's loss, and keep the best; end where there was none for long."""
        logits = torch.cat([logits for logits, _ in self._validated]).cpu()
        rows = torch.cat([rows for _, rows in self._validated]).cpu().numpy()
        if not bool(logits.isfinite().all()):
            raise Diverged(self.global_step, self.current_epoch + 1)
        losses = []
        for position, task in enumerate(self.tasks):
            known = task.known[rows]
            if not known.any():
                continue
            of_task = logits[:, self.columns[position]].numpy()[known]
            found = KINDS[task.kind].scale(of_task, task.values[rows][known])[1]
            losses.append(found / self.weighting.usual[position])
        least = min((epoch.val_loss for epoch in self.epochs), default=math.inf)
        self._keep(tuple(losses))
        if self.epochs[-1].val_loss < least:
            self.best = self._state
        ages = len(self.epochs) - (self.best_epoch or 0)
        if ages >= (self.training_settings.patience or 1):
            self.trainer.should_stop = True

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the least validation loss, from 1; None where none was judged."""
        judged = [epoch for epoch in self.epochs if epoch.val_losses]
        return min(judged, key=lambda epoch: epoch.val_loss).epoch if judged else None

    def _keep(self, losses: tuple[float, ...]) -> None:
        mean = float(torch.stack(self._losses).mean()) if self._losses else math.nan
        self.epochs.append(JointEpoch(self.current_epoch + 1, mean, losses, tuple(self.weighting.weights())))


def _tensor(values: np.ndarray) -> torch.Tensor:
    copied = torch.tensor(values)
    return copied.float() if copied.is_floating_point() else copied
