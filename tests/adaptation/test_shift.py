"""A target that is moved is told from one whose classes are in other proportions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.adaptation.shift import Shift, shift_of

MEANS = 1.5 * np.array([[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]])


def drawn(n: int, shares: list[float], seed: int, move: tuple[float, float] = (0.0, 0.0)) -> tuple[np.ndarray, ...]:
    """Return classes, and what the true posterior of an even mixture of normal distributions says."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=shares)
    x = MEANS[y] + rng.normal(size=(n, 2)) + move
    logits = -((x[:, None] - MEANS) ** 2).sum(axis=2) / 2
    proba = np.exp(logits)
    return y, proba / proba.sum(axis=1, keepdims=True)


EVEN = [1 / 3, 1 / 3, 1 / 3]
Y, HELD_OUT = drawn(900, EVEN, 0)


@pytest.mark.parametrize("shares", [[0.8, 0.1, 0.1], [0.05, 0.15, 0.8]])
def test_other_proportions(shares: list[float]) -> None:
    z, said = drawn(900, shares, 1)
    found = shift_of(HELD_OUT, Y, said, 0.0)
    assert found.is_mixed
    assert found.mixed > found.moved
    np.testing.assert_allclose(found.proportions, np.bincount(z) / 900, atol=0.05)
    assert found.apart == pytest.approx(np.abs(found.proportions - np.bincount(Y) / 900).sum() / 2)
    assert found.spread == pytest.approx(1, abs=0.2)
    assert found.n == 900


@pytest.mark.parametrize("move", [(2.0, 0.0), (-1.0, 1.5), (0.0, -2.0)])
def test_moved(move: tuple[float, float]) -> None:
    found = shift_of(HELD_OUT, Y, drawn(900, EVEN, 1, move)[1], 0.0)
    assert not found.is_mixed
    assert found.moved > found.mixed


def test_neither() -> None:
    found = shift_of(HELD_OUT, Y, drawn(900, EVEN, 1)[1], 0.0)
    assert not found.is_mixed
    assert found.mixed == pytest.approx(found.moved, abs=0.02)
    assert found.apart < 0.1


def test_two_classes_and_a_target_of_one() -> None:
    y = np.arange(400) % 2
    right = np.random.default_rng(0).beta(5, 2, 400)
    held_out = np.where(y[:, None] == [0, 1], right[:, None], 1 - right[:, None])
    found = shift_of(held_out, y, held_out[y == 0], 0.9)
    assert found.is_explained and found.is_mixed
    assert found.proportions[0] > 0.97
    assert replace(found, explained=0.1).is_mixed and not replace(found, explained=0.1).is_explained


@pytest.mark.parametrize(
    ("changed", "mixed"),
    [
        ({}, True),
        ({"mixed": 0.03, "n": 1000}, False),
        ({"apart": 0.1}, False),
        ({"spread": 5.0}, False),
        ({"n": 190}, False),
        ({"mixed": -0.09, "explained": 0.51}, True),
        ({"mixed": -0.09, "explained": 0.5}, False),
        ({"mixed": -0.09, "explained": 0.51, "apart": 0.1}, False),
        ({"mixed": -0.11, "explained": 0.51}, False),
    ],
)
def test_evidence_must_be_clear_the_proportions_apart_and_the_account_good(
    changed: dict[str, Any], mixed: bool
) -> None:
    values = {"mixed": 0.0505, "moved": 0.0, "spread": 1.0, "apart": 0.2, "explained": 0.0, "n": 200, **changed}
    found = Shift(**{"proportions": np.array([0.7, 0.3]), **values})
    assert found.is_mixed is mixed
    said = json.loads(json.dumps(found.to_dict()))
    assert said["other_proportions"] is mixed
    assert said["proportions"] == found.proportions.tolist()
    assert said["explained_by_proportions"] == values["explained"]
    assert said["total_variation"] == values["apart"]


def test_probabilities_of_0_and_1_are_no_infinities() -> None:
    y = np.arange(40) % 2
    sure = np.eye(2)[y]
    found = shift_of(sure, y, sure[:30], 0.0)
    assert np.isfinite([found.mixed, found.moved, found.spread, found.apart]).all()
