"""Belief propagation is exact where that can be known: two examples by Bayes' rule, trees by enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from regraft.relations.smoothing import MOST_PASSES, lift, propagate


def enumerated(p: np.ndarray, edges: np.ndarray, which: np.ndarray, potentials: list[np.ndarray]) -> np.ndarray:
    """Return the exact probabilities, summed over all ways to name all examples."""
    n, k = p.shape
    total = np.zeros((n, k))
    for names in product(range(k), repeat=n):
        weight = np.prod([p[i, c] for i, c in enumerate(names)])
        for (a, b), kind in zip(edges, which, strict=True):
            weight *= potentials[kind][names[a], names[b]]
        total[np.arange(n), list(names)] += weight
    return total / total.sum(axis=1, keepdims=True)


def drawn(n: int, k: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(k), n)


def table(k: int, seed: int) -> np.ndarray:
    half = np.random.default_rng(seed).uniform(0.1, 3, (k, k))
    return half + half.T


def test_two_examples_by_bayes() -> None:
    p = np.array([[0.6, 0.4], [0.1, 0.9]])
    same = np.array([[1.6, 0.4], [0.4, 1.6]])
    found = propagate(p, np.array([[0, 1]]), np.zeros(1, int), [same])
    # P(first is 0) is proportional to 0.6 (0.1 x 1.6 + 0.9 x 0.4), P(first is 1) to 0.4 (0.1 x 0.4 + 0.9 x 1.6).
    assert found.probabilities[0, 0] == pytest.approx(0.6 * 0.52 / (0.6 * 0.52 + 0.4 * 1.48), abs=1e-9)
    np.testing.assert_allclose(
        found.probabilities, enumerated(p, np.array([[0, 1]]), np.zeros(1, int), [same]), atol=1e-9
    )
    assert found.settled


@pytest.mark.parametrize("k", [2, 3])
def test_trees_are_exact(k: int) -> None:
    edges = np.array([[0, 1], [1, 2], [1, 3], [3, 4], [5, 6]])
    which = np.array([0, 1, 0, 1, 1])
    potentials = [table(k, 1), table(k, 2)]
    p = drawn(8, k)
    found = propagate(p, edges, which, potentials)
    np.testing.assert_allclose(found.probabilities, enumerated(p, edges, which, potentials), atol=1e-8)
    np.testing.assert_array_equal(found.probabilities[7], p[7])
    assert found.settled


def test_a_long_chain_settles_and_is_right() -> None:
    n, p, same = 120, drawn(120, 2), np.array([[1.9, 0.1], [0.1, 1.9]])
    edges = np.column_stack([np.arange(n - 1), np.arange(1, n)])
    found = propagate(p, edges, np.zeros(n - 1, int), [same])
    forward = [p[0]]
    for row in p[1:]:
        forward.append(row * (forward[-1] @ same))
        forward[-1] /= forward[-1].sum()
    assert found.settled
    np.testing.assert_allclose(found.probabilities[-1], forward[-1], atol=1e-4)


def test_a_loop_is_near() -> None:
    edges, which = np.array([[0, 1], [1, 2], [2, 3], [3, 0]]), np.zeros(4, int)
    same = np.array([[1.3, 0.7], [0.7, 1.3]])
    p = drawn(4, 2)
    found = propagate(p, edges, which, [same])
    assert found.settled
    np.testing.assert_allclose(found.probabilities, enumerated(p, edges, which, [same]), atol=0.02)


def test_opposites() -> None:
    p = np.array([[0.5, 0.5], [0.05, 0.95]])
    opposite = np.array([[0.2, 1.8], [1.8, 0.2]])
    found = propagate(p, np.array([[0, 1]]), np.zeros(1, int), [opposite])
    assert found.probabilities[0, 0] > 0.8


def test_a_link_that_says_nothing_changes_nothing() -> None:
    p = drawn(5, 3)
    edges = np.array([[0, 1], [1, 2], [2, 0]])
    found = propagate(p, edges, np.zeros(3, int), [np.ones((3, 3))])
    np.testing.assert_allclose(found.probabilities, p, atol=1e-12)


def test_certain_predictions_and_no_links() -> None:
    p = np.eye(3)[[0, 1, 2]]
    np.testing.assert_array_equal(propagate(p, np.zeros((0, 2), int), np.zeros(0, int), []).probabilities, p)
    found = propagate(p, np.array([[0, 1]]), np.zeros(1, int), [table(3, 0)])
    assert np.isfinite(found.probabilities).all()
    np.testing.assert_allclose(found.probabilities, p, atol=1e-6)


def test_stops_where_it_does_not_settle() -> None:
    """Frustrated: in a clique of seven, everyone strongly differs from everyone."""
    edges = np.array([(i, j) for i in range(7) for j in range(i)])
    opposite = np.array([[1e-9, 1.0], [1.0, 1e-9]])
    found = propagate(drawn(7, 2), edges, np.zeros(len(edges), int), [opposite])
    assert found.passes <= MOST_PASSES
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_lift_keeps_odds_and_has_the_prior() -> None:
    joint = table(4, 3)
    joint /= joint.sum()
    prior = np.array([0.1, 0.2, 0.3, 0.4])
    found = lift(joint, prior)
    pairs = found * np.outer(prior, prior)
    np.testing.assert_allclose(pairs.sum(axis=0), prior, rtol=1e-9)
    np.testing.assert_allclose(found, found.T)

    def odds(x: np.ndarray) -> float:
        return x[0, 0] * x[2, 1] / (x[0, 1] * x[2, 0])

    assert odds(found) == pytest.approx(odds(joint))
