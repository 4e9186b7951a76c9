"""What other proportions account for is told from what has moved."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.adaptation.proportions import explained_by_proportions
from regraft.errors import DataError

MEANS = 3 * np.eye(3, 20)


def drawn(counts: tuple[int, ...], seed: int, move: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, 20) of three classes, moved along an axis of no class, and their classes."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(3), counts)
    return MEANS[y] + rng.normal(size=(len(y), 20)) + move * np.eye(20)[10], y


X, Y = drawn((100, 100, 100), 0)


@pytest.mark.parametrize("counts", [(200, 50, 50), (150, 150, 0), (0, 0, 200)])
def test_other_proportions_account_for_all(counts: tuple[int, ...]) -> None:
    target, _ = drawn(counts, 1)
    assert explained_by_proportions(X, Y, target) == pytest.approx(1, abs=0.05)


def test_they_do_not_account_for_what_has_moved() -> None:
    target, _ = drawn((100, 100, 100), 1, move=3.0)
    assert explained_by_proportions(X, Y, target) < 0.1
    both, _ = drawn((200, 50, 50), 1, move=3.0)
    assert explained_by_proportions(X, Y, both) < 0.5


def test_equal_domains_have_nothing_to_account_for() -> None:
    assert explained_by_proportions(X, Y, X) == 0.0


def test_a_class_of_one_example() -> None:
    target, _ = drawn((100, 20, 0), 1)
    few = np.r_[0:200, 200]
    assert explained_by_proportions(X[few], Y[few], target) == pytest.approx(1, abs=0.1)


def test_as_many_as_are_taken_decide_by_the_seed() -> None:
    source, y = drawn((400, 400, 400), 2)
    target, _ = drawn((900, 100, 100), 3)
    found = [explained_by_proportions(source, y, target, seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert found == pytest.approx([1, 1, 1], abs=0.05)


def test_features_must_fit() -> None:
    with pytest.raises(DataError, match="must be features"):
        explained_by_proportions(X, Y, X[:, :5])
