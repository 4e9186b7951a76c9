"""Which images are taken for a class, and which of them are learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.self_training.pseudo_labels import RULES, Rule, mix_distance, pseudo_labels, shares

EVEN = np.array([0.5, 0.5])


def two(first: list[float]) -> np.ndarray:
    p = np.array(first)
    return np.stack([p, 1 - p], axis=1)


def test_shares_sum_to_one_and_are_never_zero() -> None:
    p = shares(np.array([[2.0, 0.0], [0.0, 0.0]]))
    assert p.sum(axis=1) == pytest.approx([1, 1])
    assert p.min() > 0


def test_the_surest_of_each_class_are_kept() -> None:
    said = two([0.99, 0.9, 0.8, 0.7, 0.6, 0.01, 0.1, 0.2, 0.3, 0.4])
    found = pseudo_labels(Rule("head and graph", 0.4), said, two([0.5] * 10), EVEN)
    assert sorted(found.rows) == [0, 1, 5, 6]
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert np.all(found.confidence > 0.85)


def test_the_graph_alone_does_not_ask_the_head() -> None:
    said, reached = two([0.9] * 3 + [0.1] * 3), two([0.2, 0.1, 0.3, 0.7, 0.8, 0.9])
    found = pseudo_labels(Rule("graph", 1.0), said, reached, EVEN)
    assert dict(zip(found.rows.tolist(), found.labels.tolist(), strict=True)) == {0: 1, 1: 1, 2: 1, 3: 0, 4: 0, 5: 0}


def test_one_class_does_not_swallow_all() -> None:
    said = two([0.99] * 900 + [0.01] * 9)
    found = pseudo_labels(Rule("head and graph", 1.0), said, two([0.5] * 909), EVEN)
    kept = np.bincount(found.labels)
    assert kept[1] == 9
    assert kept[0] <= 2 * np.sqrt(901 * 10) + 1


def test_what_is_said_is_drawn_half_way_to_the_expected_shares() -> None:
    p = two([0.6] * 8 + [0.55] * 2)
    found = pseudo_labels(Rule("graph", 1.0), p, p, np.array([0.2, 0.8]))
    assert set(found.labels) == {1}
    assert set(pseudo_labels(Rule("graph", 1.0), p, p, np.array([0.59, 0.41])).labels) == {0}


def test_mix_distance_is_the_share_that_would_have_to_change() -> None:
    said = two([0.9] * 8 + [0.1] * 2)
    assert mix_distance(said, two([0.5] * 10), EVEN) == pytest.approx(0.3)
    assert mix_distance(said, two([0.5] * 10), np.array([0.8, 0.2])) == pytest.approx(0)


def test_rules_are_few_and_different() -> None:
    assert len(set(RULES)) == len(RULES) == 4
