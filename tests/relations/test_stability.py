"""The power at which influence stops growing, where it is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.relations.stability import influence, stable_power

HALF = np.array([0.5, 0.5])
SAME = np.array([[1.8, 0.2], [0.2, 1.8]])


def clique(n: int) -> np.ndarray:
    return np.array([(i, j) for i in range(n) for j in range(i)])


def test_influence_by_hand() -> None:
    assert influence(SAME, HALF) == pytest.approx(0.8)
    assert influence(SAME[::-1], HALF) == pytest.approx(0.8)
    assert influence(np.ones((2, 2)), HALF) == pytest.approx(0, abs=1e-12)


def test_trees_and_rings_hear_everything() -> None:
    chain = np.column_stack([np.arange(9), np.arange(1, 10)])
    ring = np.column_stack([np.arange(10), np.roll(np.arange(10), 1)])
    for edges in (chain, ring):
        assert stable_power(edges, np.zeros(len(edges), int), [SAME], HALF, 10) == 1


@pytest.mark.parametrize("n", [4, 6, 12])
def test_a_clique_by_hand(n: int) -> None:
    """From each link n - 2 others go on: influence does not grow where it is 1 / (n - 2) a link."""
    edges = clique(n)
    power = stable_power(edges, np.zeros(len(edges), int), [SAME], HALF, n)
    assert influence(SAME**power, HALF) == pytest.approx(1 / (n - 2), rel=0.01)
