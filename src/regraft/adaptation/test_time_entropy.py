"""Entropy minimisation at test time: a trained network is made surer of the target by a few of its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from regraft.adaptation.network_training import fit_quietly
from regraft.finetuning.batches import as_floats
from regraft.finetuning.module import Diverged

KEPT_CLASSES = 0.8
"""Training ends, and its last epoch is undone, where fewer of the classes that were named before are left."""

Logits = Callable[[torch.Tensor], torch.Tensor]


def mean_entropy(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean entropy in nats of the predictions that logits (n, k) mean."""
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1).mean()


def named_classes(logits: torch.Tensor) -> float:
    """Return how many classes are named by logits (n, k), those named rarely counting less: exp(entropy of shares)."""
    shares = torch.bincount(logits.argmax(dim=1), minlength=logits.shape[1]).double() / len(logits)
    return float(torch.exp(torch.special.entr(shares).sum()))


class EntropyMinimization(pl.LightningModule):
    """Lowers the entropy of a network's predictions on unlabelled examples.

    Parameters
    ----------
    network : torch.nn.Module
        Maps inputs to logits.
    parameters : sequence of torch.nn.Parameter
        Of the network; nothing else is changed.
    batches : DataLoader
        The target in order, by which it is watched whether classes are lost.
    learning_rate : float

    References
    ----------
    Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization, 2021.
    """

    def __init__(
        self,
        network: nn.Module,
        parameters: Sequence[nn.Parameter],
        batches: DataLoader[Any],
        learning_rate: float,
    ) -> None:
        super().__init__()
        self.network, self.chosen, self.batches = network, list(parameters), batches
        self.learning_rate = learning_rate
        self.entropies: list[float] = []
        self.collapsed = False

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer of the chosen parameters."""
        return torch.optim.Adam(self.chosen, lr=self.learning_rate)

    def on_train_start(self) -> None:
        """Keep how it was, and how many classes are named."""
        self._kept = self._state()
        logits = self._all_logits()
        self.classes = named_classes(logits)
        self.entropies = [float(mean_entropy(logits))]

    def on_train_epoch_start(self) -> None:
        """Set evaluation mode: what is random in a network is no part of its predictions."""
        self.network.eval()

    def training_step(self, batch: Any, batch_index: int) -> torch.Tensor:
        """Return the mean entropy of a batch."""
        loss = mean_entropy(self.network(as_floats(batch[0])))
        if not math.isfinite(loss.item()):
            raise Diverged(self.global_step + 1, self.current_epoch + 1)
        return loss

    def on_train_epoch_end(self) -> None:
        """Undo the epoch and end where classes were lost."""
        logits = self._all_logits()
        if named_classes(logits) < KEPT_CLASSES * self.classes:
            self.network.load_state_dict(self._kept)
            self.collapsed = True
            self.trainer.should_stop = True
            return
        self._kept = self._state()
        self.entropies.append(float(mean_entropy(logits)))

    def _state(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}

    def _all_logits(self) -> torch.Tensor:
        self.network.eval()
        with torch.no_grad():
            found = [self.network(as_floats(inputs.to(self.device))).float() for inputs, _ in self.batches]
        return torch.cat(found)


def minimise_entropy(
    network: nn.Module,
    parameters: Sequence[nn.Parameter],
    batches: DataLoader[Any],
    in_order: DataLoader[Any],
    *,
    epochs: int,
    learning_rate: float,
    seed: int = 0,
) -> EntropyMinimization:
    """Lower the entropy of a network's predictions on the target, as long as no classes are lost.

    Parameters
    ----------
    network : torch.nn.Module
        Maps inputs to logits; changed in place.
    parameters : sequence of torch.nn.Parameter
        Those that are changed.
    batches, in_order : DataLoader
        The target, of (inputs, anything), shuffled and in order.
    epochs : int
    learning_rate : float
    seed : int

    Returns
    -------
    EntropyMinimization
        With `entropies`, in nats: at first and after each epoch; and whether it `collapsed`, and was undone.
    """
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = EntropyMinimization(network, parameters, in_order, learning_rate)
        fit_quietly(module, batches, None, epochs)
    network.cpu().eval()
    return module


class ScaledFeatures(nn.Module):
    """A linear head on features that are scaled and shifted one by one.

    Parameters
    ----------
    coef : float32 array of shape (k, d)
    intercept : float32 array of shape (k,)
    """

    def __init__(self, coef: np.ndarray, intercept: np.ndarray) -> None:
        super().__init__()
        self.coef: torch.Tensor
        self.intercept: torch.Tensor
        self.register_buffer("coef", torch.tensor(coef))
        self.register_buffer("intercept", torch.tensor(intercept))
        self.gain = nn.Parameter(torch.ones(coef.shape[1]))
        self.shift = nn.Parameter(torch.zeros(coef.shape[1]))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map features (n, d) to logits (n, k)."""
        return (inputs * self.gain + self.shift) @ self.coef.T + self.intercept
