from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.errors import RegraftError, UsageError
from regraft.multitask.splitting import Parts
from regraft.multitask.tasks import Task
from regraft.multitask.training import learn
from regraft.multitask.trunks import FrozenTrunk
from regraft.multitask.ways import units_of
from regraft.multitask.weighting import WEIGHTINGS

Made = tuple[np.ndarray, tuple[Task, ...]]


def standardised(tasks: tuple[Task, ...], train: np.ndarray) -> list[Task]:
    units = [units_of(task, train) for task in tasks]
    return [
        replace(task, values=(task.values - unit.mean) / unit.spread) if task.kind == "numbers" else task
        for task, unit in zip(tasks, units, strict=True)
    ]


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_all_tasks_are_learnt_together(made_up: Made, parts: Parts, weighting: str) -> None:
    X, tasks = made_up
    trunk = FrozenTrunk(X, parts.train)
    scaled = standardised(tasks, parts.train)
    before = [task.values.copy() for task in scaled]
    found = learn(trunk, scaled, [], parts.train, parts.val, weighting, 0)
    best = found.epochs[found.best - 1]
    assert best.val_loss == min(epoch.val_loss for epoch in found.epochs)
    # 1 is one who sees no example.
    assert len(best.val_losses) == 4 and max(best.val_losses) < 0.8
    assert (best.weights == (1.0,) * 4) == (weighting == "equal")
    # Averaging and training must leave the labels alone.
    assert all(np.array_equal(was, task.values) for was, task in zip(before, scaled, strict=True))


def test_the_same_seed_gives_the_same_network_and_known_epochs_are_kept(made_up: Made, parts: Parts) -> None:
    X, tasks = made_up
    trunk = FrozenTrunk(X, parts.train)
    one, other = (learn(trunk, tasks[:2], [], parts.train, None, "equal", 3, epochs=2) for _ in range(2))
    assert one.best == len(one.epochs) == 2
    assert np.array_equal(*(trunk.logits_of(found.network, parts.test) for found in (one, other)))


def test_labels_that_are_not_known_change_nothing(made_up: Made, parts: Parts) -> None:
    X, tasks = made_up
    trunk, logits = FrozenTrunk(X, parts.train), []
    for wrong in (0, 2):
        pet = replace(tasks[0], values=np.where(tasks[0].known, tasks[0].values, wrong))
        found = learn(trunk, [pet, tasks[1]], [], parts.train, parts.val, "equal", 0, epochs=3)
        logits.append(trunk.logits_of(found.network, parts.test))
    assert np.array_equal(*logits)


def test_a_training_that_diverges_says_so(made_up: Made, parts: Parts) -> None:
    X, tasks = made_up
    trunk = FrozenTrunk(X, parts.train)
    trunk.values[:] = np.nan
    with pytest.raises(RegraftError, match=r"The training of pet must converge, but .*; lower --learning-rate"):
        learn(trunk, tasks[:1], [], parts.train, parts.val, "equal", 0)


def test_several_tasks_are_for_one_process(made_up: Made, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    X, tasks = made_up
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.setenv(name, "0" if "RANK" in name else "2")
    with pytest.raises(UsageError, match="A training of several tasks must be run by one process, but 2 were started"):
        learn(FrozenTrunk(X, parts.train), tasks[:1], [], parts.train, parts.val, "equal", 0)
