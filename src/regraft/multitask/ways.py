"""Each task learnt in each way, chosen among by validation, and ready to be measured and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regraft.multitask.kinds import KINDS
from regraft.multitask.splitting import Parts
from regraft.multitask.tasks import Task

if TYPE_CHECKING:
    from regraft.finetuning.network import TrainedNetwork
    from regraft.multitask.heads import Map
    from regraft.multitask.trunks import Trunk


@dataclass(frozen=True, eq=False)
class Way:
    """One way in which one task was learnt.

    Parameters
    ----------
    coef, intercept : arrays of shape (o, d) and (o,)
        The head on the features, or on the network's; it is as sure as validation says that it may be.
    val_loss : float
        On the validation examples, in units of the loss of one who sees no example.
    test_logits : float array of shape (m, o)
        Of the test examples that have a label.
    network : TrainedNetwork or None
        None where the head is on frozen features.
    epochs : int
        Of its training; 0 where there was none.
    """

    coef: np.ndarray
    intercept: np.ndarray
    val_loss: float
    test_logits: np.ndarray
    network: TrainedNetwork | None = None
    epochs: int = 0


@dataclass(frozen=True)
class Units:
    """How numbers were standardised: by mean and spread of the training labels; 0 and 1 for all that are no numbers."""

    mean: float
    spread: float


def units_of(task: Task, train: np.ndarray) -> Units:
    """Return how a task's labels are standardised."""
    if task.kind != "numbers":
        return Units(0.0, 1.0)
    known = task.values[task.among(train)].astype(np.float64)
    return Units(float(known.mean()), float(known.std()) or 1.0)


class Learner:
    """Learns tasks in all ways, on the same examples and with the same settings.

    Parameters
    ----------
    tasks : sequence of Task
    parts : Parts
    features : float32 array of shape (n, d)
        Frozen ones, of all examples.
    seed : int
    refit : bool
        Whether the validation examples are learnt from too once all is chosen; never where they are the data's own.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        parts: Parts,
        features: np.ndarray,
        seed: int,
        refit: bool,
    ) -> None:
        self.tasks, self.parts, self.features, self.seed = tuple(tasks), parts, features, seed
        self.refit = refit and not parts.own_val
        self.everyone = np.sort(np.concatenate([parts.train, parts.val])) if self.refit else parts.train
        self.units = [units_of(task, parts.train) for task in tasks]
        self.scaled = [
            task if task.kind != "numbers" else replace(task, values=(task.values - unit.mean) / unit.spread)
            for task, unit in zip(tasks, self.units, strict=True)
        ]
        self.usual = [self._loss_of_none(task) for task in tasks]
        self.maps: list[Map] = []
        """Linear maps that have seen the training examples alone, of standardised labels."""

    def linear(self) -> list[Way]:
        """Learn a linear head for each task on the frozen features."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            return [self._linear(position) for position in range(len(self.tasks))]

    def network(self, trunk: Trunk, which: Sequence[int], weighting: str) -> tuple[list[Way], list[float]]:
        """Train one network for some tasks, by position; return the way of each, and what their losses counted.

        With validation examples set aside of the training part, the network is trained twice: once to know the best
        epoch and how sure it may be of itself, and once on all of them for so many epochs.
        """
        from regraft.multitask.heads import columns_of
        from regraft.multitask.training import learn

        tasks, maps = [self.scaled[i] for i in which], [self.maps[i] for i in which]
        learnt = learn(trunk, tasks, maps, self.parts.train, self.parts.val, weighting, self.seed)
        weights = list(learnt.epochs[learnt.best - 1].weights)
        columns = columns_of(tasks)
        scales, losses = [], []
        for position, span in zip(which, columns, strict=True):
            rows = self.tasks[position].among(self.parts.val)
            logits = trunk.logits_of(learnt.network, rows)[:, span]
            scale, loss = self._judged(position, logits, rows, scaled=True)
            scales.append(scale)
            losses.append(loss)
        network = learnt.network
        if self.refit:
            again = learn(trunk, tasks, maps, self.everyone, None, weighting, self.seed, epochs=learnt.best)
            network = again.network
        said = trunk.logits_of(network, self.parts.test)
        ways = [
            self._way(position, network, number, said[:, columns[number]], scales[number], losses[number], learnt.best)
            for number, position in enumerate(which)
        ]
        return ways, weights

    def _linear(self, position: int) -> Way:
        task, kind = self.tasks[position], KINDS[self.tasks[position].kind]
        train, val = task.among(self.parts.train), task.among(self.parts.val)
        coef, intercept = kind.fit(self.features[train], task.values[train], len(task.classes), self.seed)
        unit = self.units[position]
        self.maps.append((coef / unit.spread, (intercept - unit.mean) / unit.spread))
        scale, loss = self._judged(position, self.features[val] @ coef.T + intercept, val)
        if self.refit:
            rows = task.among(self.everyone)
            coef, intercept = kind.fit(self.features[rows], task.values[rows], len(task.classes), self.seed)
        coef, intercept = scale * coef, scale * intercept
        test = task.among(self.parts.test)
        return Way(coef, intercept, loss, self.features[test] @ coef.T + intercept)

    def _way(
        self,
        position: int,
        network: TrainedNetwork,
        number: int,
        said: np.ndarray,
        scale: float,
        loss: float,
        epochs: int,
    ) -> Way:
        from regraft.multitask.heads import TaskHeads, maps_of

        heads = network.head.get_submodule("tasks")
        assert isinstance(heads, TaskHeads)
        coef, intercept = maps_of(heads)[number]
        unit = self.units[position]
        factor = scale * unit.spread
        known = self.tasks[position].known[self.parts.test]
        return Way(
            factor * coef,
            factor * intercept + unit.mean,
            loss,
            factor * said[known] + unit.mean,
            network,
            epochs,
        )

    def _judged(
        self, position: int, logits: np.ndarray, rows: np.ndarray, *, scaled: bool = False
    ) -> tuple[float, float]:
        """Return what logits must be multiplied by, and the loss then, in units of one who sees no example."""
        task = (self.scaled if scaled else self.tasks)[position]
        scale, loss = KINDS[task.kind].scale(logits, task.values[rows])
        unit = self.units[position].spread ** 2 if scaled else 1.0
        return scale, loss * unit / self.usual[position]

    def _loss_of_none(self, task: Task) -> float:
        kind, rows = KINDS[task.kind], task.among(self.parts.val)
        prior = kind.prior(task.values[task.among(self.parts.train)], len(task.classes))
        return max(float(kind.losses(np.repeat(prior[None], len(rows), axis=0), task.values[rows]).mean()), 1e-9)
