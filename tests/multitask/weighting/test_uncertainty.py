from __future__ import annotations

import pytest
import torch

from regraft.multitask.weighting.uncertainty import Uncertainty


def test_squared_errors_count_by_half_at_first() -> None:
    way = Uncertainty(("classes", "numbers"), (1.0, 1.0))
    assert way.weights() == [1.0, 0.5]
    assert way.combine({0: torch.tensor(2.0), 1: torch.tensor(3.0)}, None).item() == pytest.approx(3.5)


def test_the_variance_that_is_learnt_is_the_noise() -> None:
    way = Uncertainty(("numbers", "numbers"), (1.0, 1.0))
    optimizer = torch.optim.Adam(way.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        way.combine({0: torch.tensor(4.0), 1: torch.tensor(0.25)}, None).backward()
        optimizer.step()
    # With a Gaussian's likelihood the best variance is the mean squared error itself.
    assert way.log_variances.exp().tolist() == pytest.approx([4.0, 0.25], rel=0.01)
    assert way.weights() == pytest.approx([1 / 8, 2.0], rel=0.01)


def test_a_task_without_labels_in_the_batch_does_not_move() -> None:
    way = Uncertainty(("classes", "classes"), (1.0, 1.0))
    way.combine({0: torch.tensor(2.0)}, None).backward()
    assert way.log_variances.grad is not None and way.log_variances.grad[1] == 0
