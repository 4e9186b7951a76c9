"""What is remembered of the images: little, balanced, and near enough."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.evaluation.out_of_distribution import prepared
from regraft.evidence.memory import IN_ALL, PER_CLASS, Memory

WIDTHS = (30, 20)


def made_up(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % k)
    return rng.normal(size=(n, 50)).astype(np.float32), y, rng.dirichlet(np.ones(k), size=n)


def test_some_images_of_each_class_are_kept() -> None:
    features, y, p = made_up(300, 4)
    memory = Memory.draw(features, y, p, WIDTHS)
    assert np.bincount(memory.labels).tolist() == [PER_CLASS] * 4
    few = Memory.draw(*made_up(30, 4), WIDTHS)
    assert len(few) == 30
    many = Memory.draw(*made_up(2200, 200), WIDTHS)
    assert np.bincount(many.labels).tolist() == [IN_ALL // 200] * 200
    assert Memory.draw(features, y, p, WIDTHS, seed=0).rows.tolist() == memory.rows.tolist()
    assert Memory.draw(features, y, p, WIDTHS, seed=1).rows.tolist() != memory.rows.tolist()


def test_features_come_back_up_to_a_factor() -> None:
    features, y, p = made_up(60, 3)
    memory = Memory.draw(features, y, p, WIDTHS)
    roots = prepared(features, WIDTHS)
    cosines = (memory.roots * roots).sum(axis=1) / 2  # two blocks of length one
    assert cosines.min() > 0.9999
    assert np.allclose(np.exp(memory.said.astype(float)), p, rtol=0.01)


def test_what_is_learnt_again_is_not_doubled() -> None:
    features, y, p = made_up(60, 3)
    memory = Memory.draw(features, y, p, WIDTHS)
    new = np.random.default_rng(5).normal(size=(2, 50)).astype(np.float32)
    longer = memory.learnt(np.concatenate([new, new[:1]]), 3, p[:3])
    assert len(longer) == 62
    assert longer.labels[-2:].tolist() == [3, 3]
    assert len(longer.learnt(new, 3, p[:2])) == 62
    assert longer.owners(np.concatenate([new[:1], features[:1], new[:1] + 3])) == [3, int(y[0]), None]


def test_a_forgotten_class_leaves_nothing() -> None:
    features, y, p = made_up(60, 3)
    memory = Memory.draw(features, y, p, WIDTHS)
    less = memory.forgotten(1)
    assert len(less) == 40
    gone = {row.tobytes() for row in memory.rows[memory.labels == 1]}
    assert not gone & {row.tobytes() for row in less.rows}
    assert set(less.labels.tolist()) == {0, 1}
    expected = np.delete(p[y != 1], 1, axis=1)
    assert np.allclose(np.exp(less.said.astype(float)), expected / expected.sum(axis=1, keepdims=True), rtol=0.02)
    learnt = memory.learnt(features[:1] + 9, 3, p[:1])
    assert learnt.forgotten(3).said.tolist() == memory.said.tolist()
    assert learnt.forgotten(0).labels[-1] == 2


def test_it_is_stored_and_checked() -> None:
    memory = Memory.draw(*made_up(60, 3), WIDTHS)
    tensors, settings = memory.state()
    again = Memory.from_state(tensors, settings)
    assert all((a == b).all() for a, b in zip(again.state()[0].values(), tensors.values(), strict=True))
    for change in (
        {"rows": tensors["rows"][:, 1:]},
        {"rows": tensors["rows"].astype(np.float32)},
        {"labels": tensors["labels"][1:]},
        {"labels": tensors["labels"] - 1},
        {"said": tensors["said"][1:]},
        {name: array[:0] for name, array in tensors.items()},
    ):
        with pytest.raises(ValueError, match="a memory of"):
            Memory.from_state({**tensors, **change}, settings)
    memory.check(3, 3, WIDTHS)
    for wrong in ((4, 4, WIDTHS), (3, 2, WIDTHS), (3, 3, (50,))):
        with pytest.raises(ValueError, match="a memory of 3 classes"):
            memory.check(*wrong)
