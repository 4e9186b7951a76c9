"""Weighted facility location: what is picked, in which order, and what is said of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from regraft.exploration import picking
from regraft.exploration.picking import NO_DOUBT, margins, pick


def blobs(sizes: tuple[int, ...], seed: int = 0, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return features of well separated groups and each row's group."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    centres = 5 * np.eye(len(sizes), d)
    return (centres[group] + random.normal(0, 0.3, (len(group), d))).astype(np.float32), group


def doubt_only_in(group: np.ndarray, doubtful: int) -> np.ndarray:
    p = np.tile([0.999, 0.001], (len(group), 1))
    p[group == doubtful] = 0.5
    return p


def test_margin_is_the_gap_between_the_two_largest() -> None:
    assert margins(np.array([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]])) == pytest.approx([0.2, 0.7])


def test_every_group_is_picked_before_one_is_picked_twice() -> None:
    features, group = blobs((40, 30, 20, 10))
    picked = pick(features, np.full((100, 3), 1 / 3), None, 4)
    assert sorted(group[picked.index]) == [0, 1, 2, 3]
    assert picked.stands_for.sum() == 100
    assert dict(zip(group[picked.index], picked.stands_for, strict=True)) == {0: 40, 1: 30, 2: 20, 3: 10}


def test_doubt_decides_which_group_comes_first() -> None:
    features, group = blobs((60, 20, 20))
    for doubtful in range(3):
        assert group[pick(features, doubt_only_in(group, doubtful), None, 1).index[0]] == doubtful


def test_what_is_known_is_not_picked_again() -> None:
    features, group = blobs((40, 30, 20))
    picked = pick(features, np.full((90, 2), 0.5), features[group == 0][:1], 2)
    assert sorted(group[picked.index]) == [1, 2]
    assert picked.nearest.tolist()[0] == 0  # the one known row


def test_a_greedy_pick_is_the_best_single_pick_and_near_the_best_pair() -> None:
    features, _ = blobs((7, 5, 4), d=6)
    p = np.random.default_rng(1).dirichlet([1, 1, 1], len(features))
    picked = pick(features, p, None, 2)
    centred = features - features.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    doubt = 1 - margins(p) + NO_DOUBT

    def covered(rows: tuple[int, ...]) -> float:
        return float((np.maximum((unit[list(rows)] @ unit.T).max(axis=0), 0) * doubt).sum() / doubt.sum())

    best = max(covered((i,)) for i in range(len(features)))
    assert picked.score[0] == pytest.approx(best, rel=1e-5)
    assert picked.score.sum() == pytest.approx(covered(tuple(picked.index)), rel=1e-5)
    pairs = max(covered(pair) for pair in itertools.combinations(range(len(features)), 2))
    assert picked.score.sum() >= (1 - 1 / np.e) * pairs


def test_all_are_picked_once_where_more_are_asked_for() -> None:
    features, _ = blobs((5, 4))
    picked = pick(features, np.full((9, 2), [0.9, 0.1]), None, 50)
    assert sorted(picked.index) == list(range(9))
    assert np.all(np.diff(picked.score) <= 1e-6)


def test_copies_are_picked_last() -> None:
    features, _ = blobs((3, 3))
    features = np.concatenate([features, features])
    picked = pick(features, np.full((12, 2), 0.5), None, 12)
    assert {i % 6 for i in picked.index[:6].tolist()} == set(range(6))
    assert picked.similarity[6:] == pytest.approx(np.ones(6), abs=1e-5)


def test_nearest_is_an_earlier_pick_or_what_is_known() -> None:
    features, group = blobs((10, 10))
    picked = pick(features, np.full((20, 2), 0.5), None, 3)
    assert (picked.nearest[0], picked.similarity[0]) == (-1, -1)
    third = group[picked.index[2]]
    assert group[picked.index[picked.nearest[2]]] == third
    with_known = pick(features, np.full((20, 2), 0.5), features[:2], 3)
    assert with_known.nearest.max() < 2 + 3


def test_where_all_is_sure_the_picks_are_still_diverse() -> None:
    features, group = blobs((30, 20, 10))
    picked = pick(features, np.tile([1.0, 0.0], (60, 1)), None, 3)
    assert sorted(group[picked.index]) == [0, 1, 2]


def test_nothing_to_pick_from() -> None:
    picked = pick(np.zeros((0, 4), np.float32), np.zeros((0, 2)), None, 5)
    assert len(picked.index) == len(picked.score) == 0


def test_a_draw_of_the_doubt_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    features, group = blobs((300, 200, 100))
    monkeypatch.setattr(picking, "STOOD_FOR", 60)
    picked = pick(features, np.full((600, 2), 0.5), None, 3)
    assert sorted(group[picked.index]) == [0, 1, 2]
