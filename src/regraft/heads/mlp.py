"""A multilayer perceptron on features; torch trains it, numpy uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft.errors import UsageError
from regraft.heads.base import Head
from regraft.heads.folds import Index, train_test_pairs
from regraft.heads.scoring import CHUNK
from regraft.heads.temperature import fit_temperature

if TYPE_CHECKING:
    import torch


class MLPHead(Head):
    """Linear maps with batch normalisation, ReLU and dropout between them, trained with AdamW.

    A part of the examples is held out: training stops early by their log loss (or keeps the epoch that
    was best) and they set the temperature of the probabilities.

    Parameters
    ----------
    units : sequence of int
        Width of each hidden layer.
    dropout : float
        Share of each hidden layer's outputs that is dropped while training, from 0 to below 1.
    batch_norm : bool
        Whether hidden layers are batch-normalised.
    epochs : int
        Most passes over the examples; the learning rate follows one cycle over them.
    patience : int
        Passes without a better held-out log loss after which training ends.
    learning_rate : float
        Largest learning rate of the cycle.
    weight_decay : float
        AdamW's weight decay.
    batch_size : int
        Examples a step.
    validation_share : float
        Share of the examples that is held out, above 0 and at most 0.5.
    seed : int
        Sets the initial weights, the order of the examples, the dropout and who is held out.

    References
    ----------
    He et al., Delving Deep into Rectifiers, 2015 (initial weights); Loshchilov & Hutter, Decoupled Weight
    Decay Regularization, 2019; Smith & Topin, Super-Convergence, 2019 (one cycle).
    """

    method = "mlp"

    def __init__(
        self,
        units: Sequence[int] = (256,),
        dropout: float = 0.3,
        batch_norm: bool = True,
        epochs: int = 30,
        patience: int = 8,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_size: int = 64,
        validation_share: float = 0.15,
        seed: int = 0,
    ):
        self.units = units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.epochs = epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.validation_share = validation_share
        self.seed = seed

    def _learn(
        self, X: npt.NDArray[np.float32], y: npt.NDArray[np.intp], k: int, groups: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        import torch

        self._check()
        mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        inputs = X - mean
        # One scale for all features: rare ones stay small, as the backbone left them.
        spread = float(np.linalg.norm(inputs)) / float(np.sqrt(X.size))
        if spread <= 1e-6 * float(np.abs(mean).max()):
            spread = 1.0  # features that are all alike but for rounding
        inputs /= np.float32(spread)
        rows = torch.from_numpy(inputs)
        labels = torch.from_numpy(y)
        train, held_out = self._hold_out(y, groups)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = self._network(X.shape[1], k)
            epochs = self._train(network, rows, labels, train, held_out)
        scale = 1.0
        if len(held_out):
            scale = fit_temperature(_logits(network, rows[held_out]).numpy(), y[held_out])[0]
        tensors = _folded(network, mean, spread, scale)
        settings = {"layers": len(self.units) + 1, "epochs": epochs, "inverse_temperature": scale}
        return tensors, settings

    def _check(self) -> None:
        if min([1, *self.units, self.epochs, self.patience]) < 1 or self.batch_size < 2:
            raise UsageError(
                "units, epochs and patience must be 1 or more and batch_size 2 or more, not "
                f"units={self.units!r}, epochs={self.epochs}, patience={self.patience}, "
                f"batch_size={self.batch_size}"
            )
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be from 0 to below 1, not {self.dropout}")
        if not 0 < self.validation_share <= 0.5:
            raise UsageError(f"validation_share must be above 0 and at most 0.5, not {self.validation_share}")

    def _hold_out(self, y: np.ndarray, groups: np.ndarray | None) -> tuple[Index, Index]:
        """Return who is trained on, and who is held out (of classes that are trained on)."""
        pairs = train_test_pairs(y, round(1 / self.validation_share), groups, self.seed)
        if not pairs:
            return np.arange(len(y)), np.arange(0)
        train, held_out = pairs[0]
        return train, held_out[np.isin(y[held_out], y[train])]

    def _network(self, d: int, k: int) -> torch.nn.Sequential:
        from torch import nn

        layers: list[nn.Module] = []
        width = d
        for units in self.units:
            layers += [_he_linear(width, units)]
            layers += [nn.BatchNorm1d(units)] if self.batch_norm else []
            layers += [nn.ReLU(), nn.Dropout(self.dropout)]
            width = units
        return nn.Sequential(*layers, _he_linear(width, k))

    def _train(
        self,
        network: torch.nn.Sequential,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        train: Index,
        held_out: Index,
    ) -> int:
        """Train `network` in place, leave it as it was after its best epoch, and return that epoch."""
        import torch
        from torch.nn.functional import cross_entropy

        # Batch normalisation cannot learn from a batch of one.
        batches = [b for b in range(0, len(train), self.batch_size) if len(train) - b > 1]
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.learning_rate, total_steps=self.epochs * len(batches)
        )
        rows = torch.from_numpy(train)
        best, best_epoch, best_weights = float("inf"), self.epochs, None
        for epoch in range(1, self.epochs + 1):
            network.train()
            rows = rows[torch.randperm(len(rows))]
            for start in batches:
                batch = rows[start : start + self.batch_size]
                optimizer.zero_grad()
                cross_entropy(network(inputs[batch]), labels[batch]).backward()
                optimizer.step()
                cycle.step()
            if not len(held_out):
                continue
            loss = float(cross_entropy(_logits(network, inputs[held_out]), labels[held_out]))
            if loss < best:
                best, best_epoch = loss, epoch
                best_weights = {name: value.clone() for name, value in network.state_dict().items()}
            elif epoch - best_epoch >= self.patience:
                break
        if best_weights is not None:
            network.load_state_dict(best_weights)
        return best_epoch


def _he_linear(width: int, units: int) -> torch.nn.Linear:
    from torch import nn

    linear = nn.Linear(width, units)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return linear


def _logits(network: torch.nn.Sequential, inputs: torch.Tensor) -> torch.Tensor:
    import torch

    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part) for part in inputs.split(CHUNK)])


def _folded(network: torch.nn.Sequential, mean: np.ndarray, spread: float, scale: float) -> dict[str, np.ndarray]:
    """Return the network as plain linear maps: input scaling, batch normalisation and temperature in them."""
    from torch import nn

    maps: list[tuple[np.ndarray, np.ndarray]] = []
    for layer in network:
        if isinstance(layer, nn.Linear):
            maps.append((layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()))
        elif isinstance(layer, nn.BatchNorm1d):
            running_mean, variance, gain, offset = (
                tensor.detach().numpy()
                for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
                if tensor is not None
            )
            gain = gain / np.sqrt(variance + layer.eps)
            weight, bias = maps[-1]
            maps[-1] = (gain[:, None] * weight, gain * (bias - running_mean) + offset)
    weight, bias = maps[0]
    weight = weight / np.float32(spread)
    maps[0] = (weight, bias - weight @ mean)
    maps[-1] = tuple(np.float32(scale) * part for part in maps[-1])  # type: ignore[assignment]
    tensors = {}
    for i, (weight, bias) in enumerate(maps):
        tensors[f"weight_{i}"], tensors[f"bias_{i}"] = weight.astype(np.float32), bias.astype(np.float32)
    return tensors
