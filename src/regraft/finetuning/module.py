"""The training itself, as Lightning wants it told."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import lightning.pytorch as pl
import torch
from torch.nn.functional import cross_entropy

from regraft.backbones.stage_names import HEAD
from regraft.backbones.stages import batch_norms
from regraft.finetuning.batches import as_floats
from regraft.finetuning.network import TrainedNetwork
from regraft.finetuning.processes import ALONE, Processes
from regraft.finetuning.regularization import L2SP, Delta
from regraft.finetuning.schedules import Phase, phase_at, rate_factor, rates
from regraft.finetuning.settings import Training
from regraft.finetuning.synchronized import Synchronized
from regraft.heads.temperature import fit_temperature
from regraft.result import Epoch


class Diverged(Exception):
    """The loss is no number any more."""

    def __init__(self, step: int, epoch: int) -> None:
        super().__init__(f"the loss is no longer a number at step {step} (epoch {epoch})")


class TooShort(Exception):
    """The time that is left does not do for one epoch."""

    def __init__(self, needed: float, left: float) -> None:
        super().__init__(f"one epoch takes about {needed:.0f} s, and {max(left, 0):.0f} s are left")


class FineTuning(pl.LightningModule):
    """Trains a network by a plan of phases, in a number of epochs or a time, whichever is over first.

    Parameters
    ----------
    network : TrainedNetwork
    training : Training
        Settled: nothing in it is None.
    plan : sequence of Phase
    steps : int
        Of an epoch.
    n_classes : int
    deadline : float or None
        When the training must be over, by `time.monotonic`.
    holds : L2SP, Delta or None
        What holds the network near its start.
    name : str
        Of the attempt, for the history.
    fingerprint : dict of str to str
        What the training depends on, kept in its checkpoints.
    begun : float
        When the attempt began, by `time.monotonic`: preparing it counts in the history.
    report : callable, optional
        Called with each `Epoch` as it ends.
    processes : Processes
        That train together, each on its share of every batch.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        training: Training,
        plan: Sequence[Phase],
        steps: int,
        n_classes: int,
        deadline: float | None,
        holds: L2SP | Delta | None,
        name: str,
        fingerprint: dict[str, str],
        begun: float,
        report: Callable[[Epoch], None] | None = None,
        processes: Processes = ALONE,
    ) -> None:
        super().__init__()
        self.fingerprint = fingerprint
        self.network = network
        self.training_settings = training
        self.plan, self.steps, self.n_classes = tuple(plan), steps, n_classes
        self.deadline, self.holds, self.name = deadline, holds, name
        self.processes = processes
        # Averaging copies the module: a function is not copied, and so neither is what a method belongs to.
        self.report = None if report is None else (lambda epoch: report(epoch))
        self.begun, self.started = begun, time.monotonic()
        self.history: list[Epoch] = []
        self.phase = self.plan[0]
        self._averaged = {*network.trained, HEAD}
        self._losses: list[torch.Tensor] = []
        self._validated: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._epoch_started = self.started
        self._longest_validation = 0.0
        self._second_step = self.started
        self._rate = 0.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer, a group of parameters for each stage and the head."""
        settings = self.training_settings
        assert settings.learning_rate is not None and settings.weight_decay is not None
        peaks = rates(self.network.trained, settings.learning_rate, settings.layer_decay or 1.0, settings.head_rate)
        groups = []
        for name, peak in peaks.items():
            for decays, parameters in _by_decay(self.network.stage(name)):
                decay = settings.weight_decay if decays else 0.0
                groups.append({"params": parameters, "lr": peak, "peak": peak, "stage": name, "weight_decay": decay})
        largest = settings.learning_rate
        kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
            "adamw": torch.optim.AdamW,
            "adam": torch.optim.Adam,
            "sgd": lambda groups: torch.optim.SGD(groups, lr=largest, momentum=0.9, nesterov=True),
        }
        return kinds[settings.optimizer](groups)

    @property
    def progress(self) -> float:
        """How far the training has come, from 0 to 1: by steps, or by time where that is running out."""
        assert self.training_settings.epochs is not None
        by_steps = self.global_step / (self.training_settings.epochs * self.steps)
        if self.deadline is None:
            return by_steps
        left = self.deadline - self._longest_validation - self.started
        return max(by_steps, min(1.0, (time.monotonic() - self.started) / max(left, 1e-9)))

    def on_train_start(self) -> None:
        """Bring what holds the network to where it is; let a process that its launcher ends go at once."""
        if self.holds is not None:
            self.holds.to(self.device)
        if self.processes.several:
            # Lightning would tell the others first, who may be gone.
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def on_train_epoch_start(self) -> None:
        """Let the stages of the phase learn."""
        self.phase, _ = phase_at(self.plan, self.progress)
        self.network.learn(self.phase.learning)
        self.network.train()
        self._average_gradients(self.phase.learning)
        self._losses, self._epoch_started = [], time.monotonic()

    def _average_gradients(self, learning: Sequence[str]) -> None:
        """Let several processes average the gradients of these stages, and of no others: they wait for each."""
        if self.processes.several and set(learning) != self._averaged:
            strategy: Any = self.trainer.strategy
            strategy.model = self
            strategy.configure_ddp()
            self._averaged = set(learning)

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        """Set the learning rates of this step."""
        self._check_time(batch_index)
        factor = rate_factor(self.training_settings.rate, phase_at(self.plan, self.progress)[1])
        optimizer: Any = self.optimizers()
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        top = self.network.trained[-1] if self.network.trained else HEAD
        self._rate = next(group["lr"] for group in optimizer.param_groups if group["stage"] == top)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_index: int) -> None:
        """End where the time does; the trainer validates what there is then."""
        if self.deadline is None or self.progress < 1:
            return
        if self.current_epoch == 0 and batch_index + 1 < self.steps:
            needed = (time.monotonic() - self._epoch_started) / (batch_index + 1) * self.steps
            raise TooShort(needed, self.deadline - self._epoch_started)
        self.trainer.should_stop = True

    def _check_time(self, batch_index: int) -> None:
        """Raise TooShort where the first steps show that not one epoch can be done in time."""
        if self.deadline is None or self.history or batch_index > 4:
            return
        now = time.monotonic()
        if batch_index < 4:
            # The first step also prepares the machine.
            self._second_step = now if batch_index <= 1 else self._second_step
            return
        needed = (now - self._second_step) / 3 * self.steps
        left = self.deadline - self._epoch_started
        if needed > left:
            raise TooShort(needed, left)

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        """Return the loss of a batch; of a share of one, so that the mean over all processes is the whole batch's."""
        from regraft.finetuning.augmentation import mix_batch

        inputs, targets, *share = batch
        inputs = as_floats(inputs)
        settings = self.training_settings
        truth: torch.Tensor = targets
        if settings.mix != "none" and len(targets) > 1:
            inputs, truth = _mixed(mix_batch, settings.mix, inputs, targets, self.n_classes, self.network.takes_pixels)
        with self._statistics(share):
            logits = self.network(inputs)
        task = loss = cross_entropy(logits, truth, label_smoothing=settings.label_smoothing)
        if isinstance(self.holds, L2SP):
            loss = loss + self.holds.penalty()
        elif isinstance(self.holds, Delta):
            loss = loss + self.holds.penalty(inputs)
        seen = torch.stack([task.detach(), loss.detach()])
        if share:
            own, whole = share
            weight = self.processes.count * own / whole
            loss = weight * loss
            # Told to all, so that they end at the same step where it is no number.
            seen = self.processes.total(weight * seen) / self.processes.count
        self._losses.append(seen[0])
        if not math.isfinite(seen[1].item()):
            raise Diverged(self.global_step + 1, self.current_epoch + 1)
        return loss

    def _statistics(self, share: list[int]) -> Any:
        """Return the context in which batch normalisation sees the whole of a batch that is shared."""
        if share and any(norm.training for norm in batch_norms(self.network)):
            return Synchronized(self.processes, counts=share[0] > 0)
        return nullcontext()

    def on_validation_epoch_start(self) -> None:
        """Begin to collect."""
        self._validated = []
        self._validation_started = time.monotonic()
        self.network.eval()

    def validation_step(self, batch: Any, batch_index: int) -> None:
        """Keep the logits of a batch."""
        inputs, targets, *share = batch
        n = share[0] if share else len(targets)
        self._validated.append((self.network(as_floats(inputs)).float()[:n], targets[:n]))

    def on_validation_epoch_end(self) -> None:
        """Log loss and accuracy, by which the best epoch is chosen."""
        logits = self.processes.gather(torch.cat([logits for logits, _ in self._validated]).cpu())
        targets = self.processes.gather(torch.cat([targets for _, targets in self._validated]).cpu())
        # After the best temperature: probabilities are divided by it in the end, so an epoch is judged by how well it
        # separates the classes, not by how sure it is of itself.
        loss = fit_temperature(logits.numpy(), targets.numpy())[1] if logits.isfinite().all() else math.nan
        loss = self.processes.agree(loss)  # by which all of them go on, or end
        accuracy = float((logits.argmax(1) == targets).float().mean())
        if not math.isfinite(loss):
            raise Diverged(self.global_step, self.current_epoch + 1)
        self.log_dict({"val_loss": loss, "val_accuracy": accuracy})
        now = time.monotonic()
        self._longest_validation = max(self._longest_validation, now - self._validation_started)
        epoch = Epoch(
            attempt=self.name,
            phase=self.phase.name,
            epoch=self.current_epoch + 1,
            train_loss=float(torch.stack(self._losses).mean()) if self._losses else float("nan"),
            val_loss=loss,
            val_accuracy=accuracy,
            learning_rate=self._rate,
            seconds=now - self.begun,
        )
        self.history.append(epoch)
        if self.report is not None:
            self.report(epoch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history and what it was trained on with the weights, so that a resumed run can go on."""
        checkpoint["fingerprint"] = self.fingerprint
        checkpoint["history"] = [vars(epoch) for epoch in self.history]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the history, and the time that it took."""
        self.history = [Epoch(**epoch) for epoch in checkpoint.get("history", [])]
        if self.history:
            self.begun = time.monotonic() - self.history[-1].seconds


def _by_decay(module: torch.nn.Module) -> list[tuple[bool, list[torch.nn.Parameter]]]:
    """Return the parameters that weight decay is for, and those it is not for: biases and norms."""
    found = list(module.parameters())
    split = [(True, [p for p in found if p.ndim > 1]), (False, [p for p in found if p.ndim <= 1])]
    return [(decays, parameters) for decays, parameters in split if parameters]


def _mixed(
    mix: Callable[..., Any], kind: str, inputs: torch.Tensor, targets: torch.Tensor, k: int, pixels: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    if not pixels:
        return mix(kind, inputs, targets, k)
    # Pixels come with their channels last.
    mixed, shares = mix(kind, inputs.permute(0, 3, 1, 2), targets, k)
    return mixed.permute(0, 2, 3, 1), shares
