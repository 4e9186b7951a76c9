"""Deep embedded validation: the control variate by hand, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.adaptation.deep_embedded_validation import deep_embedded


def test_by_hand() -> None:
    # Weighted losses 0.5, 2, 6: mean 17/6, covariance with the weights 13/6; weights: mean 7/6, variance 7/12.
    slope = (13 / 6) / (7 / 12)
    assert deep_embedded([1, 2, 3], [0.5, 1, 2]) == pytest.approx(17 / 6 - slope / 6)


def test_losses_that_are_all_alike_are_the_risk_whatever_the_weights_are() -> None:
    assert deep_embedded(np.full(50, 0.7), np.random.default_rng(0).gamma(0.5, size=50)) == pytest.approx(0.7)


@pytest.mark.parametrize(("losses", "weights", "risk"), [([1, 2, 6], [1, 1, 1], 3.0), ([4], [2], 8.0)])
def test_weights_that_do_not_vary_leave_the_plain_mean(losses: list[float], weights: list[float], risk: float) -> None:
    assert deep_embedded(losses, weights) == pytest.approx(risk)


def test_it_is_nearer_the_truth_than_the_weighted_mean() -> None:
    rng = np.random.default_rng(0)
    off: list[tuple[float, float]] = []
    for _ in range(40):
        x = rng.normal(size=100)
        losses, weights = 1 + 0.1 * x**2, np.exp(x - 0.5)  # the target is the source, moved by 1
        truth = 1 + 0.1 * 2
        off.append((abs(deep_embedded(losses, weights) - truth), abs(np.mean(losses * weights) - truth)))
    with_control, without = np.mean(off, axis=0)
    assert with_control < without / 2
