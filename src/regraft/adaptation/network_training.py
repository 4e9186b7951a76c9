"""Training a network on a labelled source and an unlabelled target at once."""

from __future__ import annotations

import math
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.utilities import CombinedLoader
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from regraft.errors import RegraftError
from regraft.finetuning.batches import as_floats
from regraft.finetuning.launching import check_alone
from regraft.finetuning.module import Diverged, FineTuning
from regraft.finetuning.schedules import phases
from regraft.finetuning.settings import Training
from regraft.finetuning.training import quiet_trainer
from regraft.result import Epoch

OBJECTIVE = "objective"


class FeatureBatches(Dataset[Any]):
    """Features as they are.

    Parameters
    ----------
    values : float32 array of shape (n, d)
    y : int array of shape (n,)
    """

    def __init__(self, values: np.ndarray, y: np.ndarray) -> None:
        self.values, self.y = torch.from_numpy(values), torch.from_numpy(y)

    def __len__(self) -> int:
        return len(self.y)

    def __getitems__(self, asked: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = torch.tensor([row for row, _ in asked])
        return self.values[rows], self.y[rows]


class DomainTraining(FineTuning):
    """Fine-tuning by the source's labels, and by an objective that looks at both domains.

    Parameters
    ----------
    network, training, plan, steps, n_classes, name, begun, report
        As of `FineTuning`; the network has `features` and a `head` on them.
    objective : torch.nn.Module or None
        Called with the features of both domains, the target's logits, and the progress; None leaves the target out.
    trade_off : float
        Weight of the objective beside the source's cross-entropy.
    """

    def __init__(self, *fine_tuning: Any, objective: nn.Module | None, trade_off: float, **settings: Any) -> None:
        super().__init__(*fine_tuning, **settings)
        self.objective, self.trade_off = objective, trade_off

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer of the network; what the objective itself has to learn, learns as fast as the head."""
        optimizer = super().configure_optimizers()
        own = [] if self.objective is None else list(self.objective.parameters())
        if own:
            settings = self.training_settings
            peak = (settings.learning_rate or 0.0) * settings.head_rate
            group = {"params": own, "lr": peak, "peak": peak, "stage": OBJECTIVE}
            optimizer.add_param_group({**group, "weight_decay": settings.weight_decay or 0.0})
        return optimizer

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        """Return the loss of a batch of the source and one of the target."""
        inputs, truth = batch["source"]
        source = self.network.features(as_floats(inputs))
        smoothing = self.training_settings.label_smoothing
        loss = cross_entropy(self.network.head(source), truth, label_smoothing=smoothing)
        self._losses.append(loss.detach())
        if self.objective is not None:
            # Apart from the source, since texts of two batches are not of one length.
            target = self.network.features(as_floats(batch["target"][0]))
            found = self.objective(source, target, self.network.head(target), self.progress)
            loss = loss + self.trade_off * found
        if not math.isfinite(loss.item()):
            raise Diverged(self.global_step + 1, self.current_epoch + 1)
        return loss


def train_on_domains(
    network: Any,
    source: DataLoader[Any],
    target: DataLoader[Any] | None,
    held_out: DataLoader[Any] | None,
    training: Training,
    k: int,
    objective: nn.Module | None,
    *,
    trade_off: float = 1.0,
    name: str = "adaptation",
    seed: int = 0,
    precision: str = "f32",
    average: bool = False,
    begun: float | None = None,
    report: Callable[[Epoch], None] | None = None,
) -> tuple[Epoch, ...]:
    """Train a network on two domains, leave it as it is after the last epoch, and return its history.

    An epoch passes through the larger of the two domains once, and through the other as often as is needed.

    Parameters
    ----------
    network : TrainedNetwork or BottleneckNetwork
        Changed in place.
    source : DataLoader
        Of (inputs, class indices).
    target : DataLoader or None
        Of (inputs, anything); None where there is no objective.
    held_out : DataLoader or None
        Of the source; the history is of it. No epoch is chosen by it.
    training : Training
        Settled.
    k : int
        Number of classes.
    objective : torch.nn.Module or None
    trade_off : float
        Weight of the objective.
    name : str
        Of the attempt, for the history.
    seed : int
    precision : {"f32", "bf16"}
    average : bool
        Whether the weights are averaged over the last steps.
    begun : float, optional
        When the attempt began, by `time.monotonic`.
    report : callable, optional
        Called with each `Epoch` as it ends.

    Raises
    ------
    RegraftError
        If the training does not converge.
    """
    # The last epoch is kept. The least loss on the source's held-out examples would be an epoch before the objective
    # has done its work, since it makes the source no easier; and labels of the target there are none.
    assert training.epochs is not None
    loaders = {"source": source} if target is None or objective is None else {"source": source, "target": target}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batches = CombinedLoader(loaders, mode="max_size_cycle")
    steps = max(len(loader) for loader in loaders.values())
    plan = phases("together", network.trained, training.epochs)
    since = time.monotonic() if begun is None else begun
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = DomainTraining(
            *(network, training, plan, steps, k, None, None, name, {}, since, report),
            objective=objective,
            trade_off=trade_off,
        )
        decay = min(0.999, max(0.5, 1 - 10 / (training.epochs * steps)))
        averaging = [EMAWeightAveraging(decay=decay)] if average else []
        fit_quietly(module, batches, held_out, training.epochs, training.clip, precision, averaging)
    network.cpu().eval()
    return tuple(module.history)


def fit_quietly(
    module: pl.LightningModule,
    batches: Any,
    held_out: Any,
    epochs: int,
    clip: float = 0.0,
    precision: str = "f32",
    callbacks: Sequence[pl.Callback] = (),
) -> None:
    """Let Lightning train a module, without a word and without leaving a file.

    Raises
    ------
    UsageError
        If several processes were started.
    RegraftError
        If the training does not converge.
    """
    check_alone("A training on two domains")
    trainer = quiet_trainer(
        callbacks=list(callbacks),
        max_epochs=epochs,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        gradient_clip_val=clip or None,
        enable_checkpointing=False,
    )
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(module, batches, held_out)
    except Diverged as stopped:
        raise RegraftError(
            f"The training must converge, but {stopped}; give a lower --learning-rate, or another --method."
        ) from stopped
    except SystemExit as stopped:
        if not isinstance(stopped.__context__, KeyboardInterrupt):
            raise
        # Lightning makes an exit of Ctrl-C, and leaves the process deaf to the next one.
        signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from stopped
