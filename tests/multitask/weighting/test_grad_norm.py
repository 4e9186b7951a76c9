from __future__ import annotations

import pytest
import torch

from regraft.multitask.weighting.grad_norm import SMALLEST, GradNorm


def losses(shared: torch.Tensor, sizes: tuple[float, float]) -> dict[int, torch.Tensor]:
    return {i: size * shared[i] for i, size in enumerate(sizes)}


def test_gradients_in_the_shared_layer_become_of_like_size() -> None:
    way, shared = GradNorm(("classes", "classes"), (1.0, 9.0)).train(), torch.ones(2, requires_grad=True)
    for _ in range(200):
        way.combine(losses(shared, (1.0, 9.0)), shared)  # both have lost as little: 1 of 1, and 9 of 9
    first, second = way.weights()
    assert first * 1 == pytest.approx(second * 9, rel=0.15)
    assert first + second == pytest.approx(2)


def test_a_task_that_lags_counts_more() -> None:
    way, shared = GradNorm(("classes", "classes"), (1.0, 4.0)).train(), torch.ones(2, requires_grad=True)
    for _ in range(100):
        way.combine(losses(shared, (1.0, 1.0)), shared)  # one still loses all of its usual loss, the other a quarter
    assert way.weights()[0] > 1.5 > way.weights()[1] >= SMALLEST / 2


def test_the_sum_is_weighted_and_its_gradient_is_not_through_the_weights() -> None:
    way, shared = GradNorm(("classes", "classes"), (1.0, 1.0)).train(), torch.ones(2, requires_grad=True)
    way.factors.copy_(torch.tensor([1.5, 0.5]))
    way.combine(losses(shared, (1.0, 2.0)), shared).backward()
    assert shared.grad is not None and shared.grad.tolist() == [1.5, 1.0]


@pytest.mark.parametrize("how", ["evaluated", "nothing shared", "one task"])
def test_weights_stay_where_there_is_nothing_to_balance(how: str) -> None:
    way, shared = (
        GradNorm(("classes", "classes"), (1.0, 1.0)).train(how != "evaluated"),
        torch.ones(2, requires_grad=True),
    )
    found = losses(shared, (1.0, 9.0))
    if how == "one task":
        del found[0]
    way.combine(found, None if how == "nothing shared" else shared)
    assert way.weights() == [1.0, 1.0]
