"""What several tasks share: a layer on frozen features, or the upper part of a backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from regraft.backbones.registry import Backbone
from regraft.finetuning import precision
from regraft.finetuning.batches import as_floats, train_loader, validation_loader
from regraft.finetuning.network import TrainedNetwork, upper_part
from regraft.finetuning.settings import Training
from regraft.multitask.heads import Map, build_heads, start_from
from regraft.multitask.kinds.numbers import spread_of
from regraft.multitask.tasks import Task
from regraft.strategies.job import Job
from regraft.strategies.parts import trained_parts
from regraft.strategies.prepared import Prepared

BOTTLENECK = 256
"""Units of the layer that tasks share on frozen features."""

DROPOUT = 0.3
"""Share of the features that are dropped while it is trained."""

ON_FEATURES = Training(
    unfreeze="head", epochs=30, batch_size=64, learning_rate=1e-3, weight_decay=0.05, patience=8, label_smoothing=0.0
)
"""How it is trained."""


class Trunk(ABC):
    """Gives networks to train, and batches to train them on.

    Attributes
    ----------
    training : Training
        Settled.
    """

    training: Training

    @abstractmethod
    def network(self, tasks: Sequence[Task], maps: Sequence[Map]) -> TrainedNetwork:
        """Return a new network for some tasks; `maps` is what linear maps of the frozen features have learnt."""

    @abstractmethod
    def batches(self, positions: np.ndarray, *, plain: bool) -> Dataset[Any]:
        """Return examples with their positions, varied for training unless they are to be plain."""

    @abstractmethod
    def precision(self, network: TrainedNetwork, sample: torch.Tensor) -> tuple[str, torch.memory_format]:
        """Return in which precision and memory format the network is trained."""

    def train_batches(self, positions: np.ndarray, seed: int) -> DataLoader[Any]:
        """Return the shuffled batches of training."""
        return train_loader(self.batches(positions, plain=False), self.training.batch_size, seed)

    def plain_batches(self, positions: np.ndarray) -> DataLoader[Any]:
        """Return batches in order, of the examples as they are."""
        return validation_loader(self.batches(positions, plain=True), self.training.batch_size)

    def logits_of(self, network: TrainedNetwork, positions: np.ndarray) -> np.ndarray:
        """Return the logits (n, o) of all of a network's tasks."""
        network.eval()
        with torch.inference_mode():
            found = [network(as_floats(inputs)).float() for inputs, _ in self.plain_batches(positions)]
        return torch.cat(found).numpy().astype(np.float64)


class FeatureBatches(Dataset[Any]):
    """Frozen features, with their positions.

    Parameters
    ----------
    values : float32 array of shape (n, d)
        Of all examples.
    positions : int array of shape (m,)
    """

    def __init__(self, values: np.ndarray, positions: np.ndarray) -> None:
        self.values, self.positions = values, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitems__(self, asked: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self.positions[[row for row, _ in asked]]
        return torch.from_numpy(self.values[rows]), torch.from_numpy(rows)


class FrozenTrunk(Trunk):
    """A shared layer on frozen features.

    Parameters
    ----------
    values : float32 array of shape (n, d)
        Of all examples.
    train : int array
        Positions by which the features are standardised.
    """

    def __init__(self, values: np.ndarray, train: np.ndarray) -> None:
        self.mean, self.spread = values[train].mean(axis=0), spread_of(values[train])
        self.values = ((values - self.mean) / self.spread).astype(np.float32)
        self.training = ON_FEATURES

    def network(self, tasks: Sequence[Task], maps: Sequence[Map]) -> TrainedNetwork:
        """Return a new shared layer with a head for each task."""
        return TrainedNetwork(None, build_heads(self.values.shape[1], tasks, BOTTLENECK, DROPOUT), (), None)

    def batches(self, positions: np.ndarray, *, plain: bool) -> Dataset[Any]:
        """Return features with their positions; they are not varied."""
        return FeatureBatches(self.values, positions)

    def precision(self, network: TrainedNetwork, sample: torch.Tensor) -> tuple[str, torch.memory_format]:
        """Return float32: so small a layer gains nothing by less."""
        return "f32", torch.contiguous_format

    def hidden(self, network: TrainedNetwork) -> tuple[np.ndarray, np.ndarray]:
        """Return the shared layer's weights (h, d) and biases (h,) for features that are not standardised."""
        shared: Any = network.head.get_submodule("shared")
        weight, bias = shared.weight.detach().numpy(), shared.bias.detach().numpy()
        weight = weight / self.spread
        return weight.astype(np.float32), (bias - weight @ self.mean).astype(np.float32)


class TunedTrunk(Prepared, Trunk):
    """The upper part of a backbone, on what passes the cut below it.

    Parameters
    ----------
    job : Job
        Of a data set whose only label is each example's own position.
    backbone : Backbone
    learnt, judged : int arrays
        Positions of the examples to be trained on, and of those that are only looked at as they are.
    training : Training
        Settled.
    flips : bool
        Whether images may be mirrored.
    """

    def __init__(
        self, job: Job, backbone: Backbone, learnt: np.ndarray, judged: np.ndarray, training: Training, flips: bool
    ) -> None:
        super().__init__(job, backbone, learnt, judged, training, flips)

    def network(self, tasks: Sequence[Task], maps: Sequence[Map]) -> TrainedNetwork:
        """Return the pretrained upper part with heads that begin as the linear maps."""
        assert self.training.unfreeze is not None
        body, stages = upper_part(self.backbone, self.training.unfreeze, self.views is not None)
        head = build_heads(self._width(body), tasks)
        tasks_part: Any = head.get_submodule("tasks")
        start_from(tasks_part, maps)
        return TrainedNetwork(body, head, stages, self.shape)

    def precision(self, network: TrainedNetwork, sample: torch.Tensor) -> tuple[str, torch.memory_format]:
        """Return the faster precision on this machine, or what was asked for."""
        part = network.trained[0] if network.trained else "head"
        record = self._folder.with_suffix(f".training-{part}{'' if self.views is not None else '.whole'}.json")
        return precision.settle(network, sample, self.training.precision, record)

    def tuned(self, network: TrainedNetwork) -> Backbone:
        """Return the backbone with what was trained in it."""
        # The heads are stored apart, so that a head of nothing stands in for them here.
        bare = TrainedNetwork(network.body, nn.Sequential(nn.Linear(1, 1)), network.trained, network.shape)
        return trained_parts(self.backbone, bare, 1.0)[0]
