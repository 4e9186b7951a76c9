"""Importance-weighted validation: a weighted mean, whatever factor the weights have."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.adaptation.importance_weighted_validation import importance_weighted


@pytest.mark.parametrize("factor", [1.0, 7.0])
def test_by_hand(factor: float) -> None:
    assert importance_weighted([1, 0, 1, 0], factor * np.array([1, 2, 4, 1])) == pytest.approx(5 / 8)


def test_even_weights_are_plain_accuracy_and_weight_0_is_not_counted() -> None:
    assert importance_weighted([1, 0, 0, 1, 1], np.ones(5)) == pytest.approx(0.6)
    assert importance_weighted([1, 0, 1], [1, 0, 1]) == 1.0
