from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from regraft.multitask.module import JointEpoch, JointTraining
from regraft.multitask.tasks import Task
from regraft.multitask.trunks import FrozenTrunk
from regraft.multitask.weighting.build import build_weighting

Made = tuple[np.ndarray, tuple[Task, ...]]


def module(made_up: Made, tasks: tuple[Task, ...]) -> JointTraining:
    trunk = FrozenTrunk(made_up[0], np.arange(100))
    way = build_weighting("uncertainty", [task.kind for task in tasks], [1.0] * len(tasks))
    return JointTraining(trunk.network(tasks, []), trunk.training, 3, tasks, way)


def test_a_batch_without_a_tasks_labels_has_no_loss_of_it(made_up: Made) -> None:
    pet, grade = made_up[1][:2]
    unknown = replace(grade, known=np.zeros(240, bool))
    training = module(made_up, (pet, unknown))
    inputs, rows = torch.randn(240, 12), torch.arange(240)
    training.training_step((inputs, rows), 0).backward()
    heads = training.network.head.get_submodule("tasks").heads  # type: ignore[union-attr]
    assert heads[0].weight.grad.abs().sum() > 0  # type: ignore[index, union-attr, operator]
    assert heads[1].score.weight.grad is None or not heads[1].score.weight.grad.any()  # type: ignore[index, union-attr]


def test_a_batch_without_any_label_moves_nothing(made_up: Made) -> None:
    unknown = tuple(replace(task, known=np.zeros(240, bool)) for task in made_up[1][:2])
    training = module(made_up, unknown)
    loss = training.training_step((torch.randn(5, 12), torch.arange(5)), 0)
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in training.network.parameters())


def test_the_weighting_learns_at_a_rate_of_its_own(made_up: Made) -> None:
    training = module(made_up, made_up[1][:2])
    groups = {group["stage"]: group for group in training.configure_optimizers().param_groups}
    assert groups["weights"]["params"] == [training.weighting.log_variances]
    assert groups["weights"]["lr"] > groups["head"]["lr"]
    assert training.shared is training.network.head.get_submodule("shared").weight


def test_epochs_are_compared_by_the_mean_over_tasks() -> None:
    assert JointEpoch(1, 0.5, (0.2, 0.4), (1.0, 1.0)).val_loss == pytest.approx(0.3)
    assert np.isnan(JointEpoch(1, 0.5, (), (1.0, 1.0)).val_loss)
