from __future__ import annotations

import numpy as np
import torch

from regraft.multitask.tasks import Task
from regraft.multitask.trunks import FrozenTrunk

Made = tuple[np.ndarray, tuple[Task, ...]]


def test_features_are_standardised_by_the_training_part() -> None:
    values = np.random.default_rng(0).normal(5, 3, (60, 4)).astype(np.float32)
    values[:, 3] = 7
    trunk = FrozenTrunk(values, np.arange(40))
    assert np.allclose(trunk.values[:40].mean(axis=0), 0, atol=1e-5)
    assert np.allclose(trunk.values[:40, :3].std(axis=0), 1, atol=1e-4) and not trunk.values[:, 3].any()


def test_batches_bring_positions(made_up: Made) -> None:
    trunk = FrozenTrunk(made_up[0], np.arange(100))
    positions = np.array([7, 3, 200])
    ((inputs, rows),) = list(trunk.plain_batches(positions))
    assert rows.tolist() == [7, 3, 200] and torch.equal(inputs, torch.from_numpy(trunk.values[positions]))
    shuffled = torch.cat([rows for _, rows in trunk.train_batches(np.arange(50, 150), 0)])
    assert sorted(shuffled.tolist()) == list(range(50, 150))
