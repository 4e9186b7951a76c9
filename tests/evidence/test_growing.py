"""Classes learnt beside a head: told from the others at a stated cost, and gone without a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.growing import check_cost, grow
from regraft.evidence.memory import Memory

D, K = 60, 3
CENTRES = np.abs(np.random.default_rng(7).normal(size=(K + 2, D)))


def images(count: int, classes: Any, seed: int, spread: float = 0.6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, 60), classes, and the probabilities (n, 3) that a good head would give."""
    rng = np.random.default_rng(seed)
    y = np.repeat(classes, count)
    features = (CENTRES[y] + spread * rng.normal(size=(len(y), D))).astype(np.float32)
    logits = -0.5 * ((features[:, None] - CENTRES[None, :K]) ** 2).sum(axis=2) / spread**2
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return features, y, p / p.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory.draw(*images(60, range(K), 0), (D,))


@pytest.fixture(scope="module")
def longer(memory: Memory) -> Memory:
    features, _, p = images(8, [K], 1)
    return memory.learnt(features, K, p)


def test_a_new_class_is_told_from_the_others(longer: Memory) -> None:
    grown = grow(longer, [0.01], None)
    features, y, p = images(200, range(K + 1), 2)
    found = grown.growth.apply(features, p)
    assert found.shape == (800, K + 1)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    right = found.argmax(axis=1) == y
    assert right[y < K].mean() > 0.98
    assert right[y == K].mean() > 0.6
    assert grown.recognised(K) >= 5
    # Among the head's own classes nothing has changed.
    own = found[:, :K] / found[:, :K].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(own, p, atol=1e-9)


def test_the_cost_is_what_the_others_lose() -> None:
    lost: dict[float, list[float]] = {0.01: [], 0.1: []}
    recall: dict[float, list[float]] = {0.01: [], 0.1: []}
    for seed in range(25):
        features, y, p = images(100, range(K), 1000 + seed, spread=1.5)
        new, _, of_new = images(10, [K], 2000 + seed, spread=1.5)
        memory = Memory.draw(features, y, p, (D,), seed).learnt(new, K, of_new)
        tested, truth, said = images(100, range(K + 1), 3000 + seed, spread=1.5)
        before = said.argmax(axis=1) == truth
        for cost in lost:
            named = grow(memory, [cost], None).growth.apply(tested, said).argmax(axis=1)
            lost[cost].append(float((before & (named == K))[truth < K].mean()))
            recall[cost].append(float((named == K)[truth == K].mean()))
    assert np.mean(lost[0.01]) < 0.015
    assert 0.03 < np.mean(lost[0.1]) < 0.12
    assert np.mean(recall[0.1]) > np.mean(recall[0.01]) + 0.05


def test_what_would_be_recognised_at_another_cost(longer: Memory) -> None:
    cheap, dear = grow(longer, [0.001], None), grow(longer, [0.2], None)
    assert cheap.recognised(K, 0.2) == dear.recognised(K) == dear.recognised(K, 0.2)
    assert dear.recognised(K, 0.001) == cheap.recognised(K) <= dear.recognised(K)


def test_learning_and_forgetting_leave_what_was_there(longer: Memory) -> None:
    one = grow(longer, [0.01], None).growth
    features, _, p = images(6, [K + 1], 3)
    two = longer.learnt(features, K + 1, p)
    assert len(grow(two, [0.01, 0.02], None).growth.coef) == K + 2
    again = grow(two.forgotten(K + 1), [0.01], None).growth
    for name, array in one.state()[0].items():
        np.testing.assert_array_equal(again.state()[0][name], array)


def test_a_single_image_is_a_class(memory: Memory) -> None:
    features, _, p = images(1, [K], 1)
    grown = grow(memory.learnt(features, K, p), [0.01], None)
    assert not grown.known[-1] and grown.known[:-1].all()
    assert grown.growth.limits == (None,)
    assert np.isfinite(grown.growth.apply(features, p)).all()


def test_a_class_that_is_not_remembered_is_no_obstacle(longer: Memory) -> None:
    kept = longer.labels != 1
    partial = replace(longer, rows=longer.rows[kept], labels=longer.labels[kept], said=longer.said[kept])
    growth = grow(partial, [0.01], None).growth
    assert all(np.isfinite(array).all() for array in growth.state()[0].values())
    features, _, p = images(50, [0], 4)
    assert (growth.apply(features, p).argmax(axis=1) == 0).all()


def test_images_of_a_learnt_class_become_familiar() -> None:
    rng = np.random.default_rng(0)
    plane, other = rng.normal(size=(4, 90)), rng.normal(size=(3, 90))

    def on(axes: np.ndarray, n: int, seed: int) -> np.ndarray:
        drawn = np.random.default_rng(seed)
        values = (drawn.normal(size=(n, len(axes))) + 2) @ axes + 0.05 * drawn.normal(size=(n, 90))
        return values.astype(np.float32)

    known, new = on(plane, 120, 1), on(other, 20, 2)
    y, p = np.arange(120) % 3, np.full((120, 3), 1 / 3)
    familiarity = OutOfDistribution.fit(known, p, widths=(90,))
    memory = Memory.draw(known, y, p, (90,)).learnt(new, 3, p[:20])
    growth = grow(memory, [0.01], familiarity).growth
    assert growth.limits[0] is not None and 1 <= len(growth.directions) <= 16
    unseen, strange = on(other, 100, 3), on(rng.normal(size=(5, 90)), 100, 4)
    uniform = np.full((100, 3), 1 / 3)
    assert (familiarity.score(unseen, uniform) > familiarity.threshold).all()
    assert growth.unfamiliar(familiarity, unseen, growth.apply(unseen, uniform)).mean() < 0.3
    old = on(plane, 100, 5)
    assert growth.unfamiliar(familiarity, old, growth.apply(old, uniform)).mean() < 0.2
    far = replace(growth, limits=(None,))  # of a class of few images nothing is too strange
    named = growth.apply(strange, uniform).argmax(axis=1)
    assert not far.unfamiliar(familiarity, strange, growth.apply(strange, uniform))[named == 3].any()


@pytest.mark.parametrize("cost", [0.0, 1.0, -1.0, float("nan")])
def test_a_cost_is_a_share(cost: float) -> None:
    with pytest.raises(UsageError, match="--cost must be a share between 0 and 1, not "):
        check_cost(cost)
