from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from regraft.multitask.heads import TaskHeads, build_heads, columns_of, loss_of, maps_of, start_from
from regraft.multitask.kinds import KINDS
from regraft.multitask.tasks import Task

Made = tuple[np.ndarray, tuple[Task, ...]]


def test_logits_of_all_tasks_stand_side_by_side(made_up: Made) -> None:
    X, tasks = made_up
    heads = build_heads(12, tasks, bottleneck=7)
    assert heads(torch.from_numpy(X)).shape == (240, 3 + 2 + 2 + 1)
    assert [(span.start, span.stop) for span in columns_of(tasks)] == [(0, 3), (3, 5), (5, 7), (7, 8)]


def test_heads_begin_as_linear_maps_and_are_told_as_such(made_up: Made) -> None:
    X, tasks = made_up
    rng = np.random.default_rng(0)
    maps = [(rng.normal(size=(task.outputs, 12)), rng.normal(size=task.outputs)) for task in tasks]
    slope = rng.normal(size=12)
    maps[1] = (np.repeat(-slope[None], 2, axis=0), np.array([-1.0, 2.0]))
    heads = TaskHeads(12, tasks)
    start_from(heads, maps)
    logits = heads(torch.from_numpy(X)).detach().numpy()
    for (coef, intercept), (told, offset), span in zip(maps, maps_of(heads), columns_of(tasks), strict=True):
        assert told == pytest.approx(coef, abs=1e-5) and offset == pytest.approx(intercept, abs=1e-5)
        assert logits[:, span] == pytest.approx(X @ coef.T + intercept, abs=1e-4)


def test_thresholds_rise_whatever_is_learnt(made_up: Made) -> None:
    heads = TaskHeads(12, made_up[1])
    ordinal: Any = heads.heads[1]
    ordinal.gaps.data.fill_(-30.0)
    assert (ordinal.thresholds.diff() >= 0).all()


def test_an_ordinal_task_of_two_classes_has_one_threshold() -> None:
    task = Task("x", "ordinal", ("1", "2"), np.array([0, 1]), np.ones(2, bool))
    heads = TaskHeads(3, [task])
    start_from(heads, [(np.ones((1, 3)), np.array([0.5]))])
    assert heads(torch.zeros(2, 3)).tolist() == [[0.5], [0.5]]


@pytest.mark.parametrize("position", range(4))
def test_losses_are_those_that_validation_uses(made_up: Made, position: int) -> None:
    task = made_up[1][position]
    logits = np.sort(np.random.default_rng(0).normal(size=(240, task.outputs)), axis=1)
    truth = torch.tensor(task.values)
    truth = truth.float() if truth.is_floating_point() else truth
    found = loss_of(task, torch.from_numpy(logits).float(), truth).item()
    assert found == pytest.approx(KINDS[task.kind].losses(logits, task.values).mean(), rel=1e-4)
