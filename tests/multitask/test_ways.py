from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.multitask.kinds import KINDS
from regraft.multitask.splitting import Parts
from regraft.multitask.tasks import Task
from regraft.multitask.trunks import FrozenTrunk
from regraft.multitask.ways import Learner, Way

Made = tuple[np.ndarray, tuple[Task, ...]]


@pytest.fixture(scope="module")
def learnt(made_up: Made, parts: Parts) -> tuple[Learner, FrozenTrunk, list[Way], list[Way]]:
    X, tasks = made_up
    learner = Learner(tasks, parts, X, 0, refit=True)
    linear = learner.linear()
    trunk = FrozenTrunk(X, parts.train)
    together, weights = learner.network(trunk, range(4), "equal")
    assert weights == [1.0] * 4
    return learner, trunk, linear, together


def test_every_way_learns_every_kind(
    learnt: tuple[Learner, FrozenTrunk, list[Way], list[Way]], made_up: Made, parts: Parts
) -> None:
    _, _, linear, together = learnt
    for task, *ways in zip(made_up[1], linear, together, strict=True):
        truth = task.values[task.among(parts.test)]
        measure = KINDS[task.kind].measures[0]
        for way in ways:
            assert way.val_loss < 0.8
            found = measure.of(truth, KINDS[task.kind].answers(way.test_logits))
            assert found > 0.7 if measure.higher else found < (0.4 if task.kind == "ordinal" else 50)


def test_a_head_gives_the_logits_that_were_measured(
    learnt: tuple[Learner, FrozenTrunk, list[Way], list[Way]], made_up: Made, parts: Parts
) -> None:
    _, trunk, linear, together = learnt
    X, tasks = made_up
    for position, task in enumerate(tasks):
        rows = X[task.among(parts.test)]
        assert rows @ linear[position].coef.T + linear[position].intercept == pytest.approx(
            linear[position].test_logits, rel=1e-3, abs=1e-3
        )
        way = together[position]
        weight, bias = trunk.hidden(way.network)  # type: ignore[arg-type]
        hidden = np.maximum(rows @ weight.T + bias, 0)
        assert hidden @ way.coef.T + way.intercept == pytest.approx(way.test_logits, rel=1e-3, abs=1e-2)


def test_a_validation_part_of_the_datas_own_is_never_learnt_from(made_up: Made, parts: Parts) -> None:
    X, tasks = made_up
    learner = Learner(tasks, replace(parts, own_val=True), X, 0, refit=True)
    assert learner.everyone is parts.train
    assert len(Learner(tasks, parts, X, 0, refit=True).everyone) == 180
    assert len(Learner(tasks, parts, X, 0, refit=False).everyone) == 140
