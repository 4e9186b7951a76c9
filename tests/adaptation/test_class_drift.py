"""Drift in units that are known: classes moved by a known number of spreads."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regraft.adaptation.class_drift import class_drift
from regraft.errors import DataError

NAMES = ("ant", "bee", "cow")


def test_a_class_that_moved_and_one_that_did_not() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 400)
    d = 16
    source = rng.normal(size=(800, d)) + 10 * y[:, None]
    target = rng.normal(size=(800, d)) + 10 * y[:, None]
    target[y == 1, 0] += 2 * np.sqrt(d)  # the spread of d standard normals is sqrt(d)
    still, moved = class_drift(source, y, target, y, NAMES[:2])
    assert still.drift == pytest.approx(0, abs=0.1)
    assert moved.drift == pytest.approx(2, rel=0.05)


def test_chance_is_taken_off() -> None:
    """Means of five examples are far apart by chance alone, in many dimensions."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 5)
    drifts = [
        each.drift or 0.0
        for _ in range(20)
        for each in class_drift(rng.normal(size=(10, 500)), y, rng.normal(size=(10, 500)), y, NAMES[:2])
    ]
    assert np.mean(drifts) < 0.15  # 0.63 if it were not


def test_shares_counts_and_missing_classes() -> None:
    source, target = np.random.default_rng(0).normal(size=(10, 3)), np.ones((5, 3))
    ant, bee, cow = class_drift(source, [0] * 8 + [1] * 2, target, [0, 0, 2, -1, -1], NAMES)
    assert (ant.source_share, ant.target_share) == (0.8, 0.4)
    assert (bee.source_count, bee.target_count, bee.drift) == (2, 0, None)
    assert (cow.source_count, cow.target_count, cow.drift) == (0, 1, None)
    assert ant.drift is not None
    assert json.loads(json.dumps([each.to_dict() for each in (ant, bee)]))[1]["drift"] is None


def test_one_example_a_class_has_no_spread() -> None:
    assert all(each.drift is None for each in class_drift(np.eye(3), [0, 1, 2], np.eye(3), [0, 1, 2], NAMES))


@pytest.mark.parametrize(
    ("source", "y", "target", "z", "words"),
    [
        (np.ones((3, 2)), [0, 1], np.ones((2, 2)), [0, 1], "features must have a row for each class index"),
        (np.ones((2, 2)), [0, 3], np.ones((2, 2)), [0, 1], "class indices must be whole numbers from 0 to 2"),
        (np.ones((2, 2)), [0, -1], np.ones((2, 2)), [0, 1], "class indices must be whole numbers from 0 to 2"),
        (np.ones((2, 2)), [0, 1], np.ones((2, 2)), [0, -2], "class indices must be whole numbers from -1 to 2"),
        (np.ones((2, 2)), [0, 1], np.ones((2, 2)), [0.5, 1], "class indices must be whole numbers"),
        (np.ones((2, 2)), [0, 1], np.ones((2, 3)), [0, 1], "must have as many features, not 2 and 3"),
    ],
)
def test_bad_input(source: np.ndarray, y: list[int], target: np.ndarray, z: list[int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        class_drift(source, y, target, z, NAMES)
