"""Groups of points that stand for images: a few with labels, many without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset
from regraft.data.looks import Looks
from regraft.features.extraction import Features

APART = 4.5
"""Distance of the clouds' centres, in standard deviations."""


def features_of(values: np.ndarray, digests: Sequence[object]) -> Features:
    """Return features of as many images, with looks that have these digests."""
    n = len(values)
    looks = Looks(tuple(map(str, digests)), np.ones(n, np.int64), np.ones((n, 2), np.int64), np.zeros((n, 2), np.uint8))
    return Features(
        values.astype(np.float32), np.arange(n), (), ("f32",), (values.shape[1],), "none", 0, 0, 0.0, (), looks
    )


@pytest.fixture
def clouds() -> Callable[..., Any]:
    """Return a function that draws two clouds of points in many dimensions: few do not show where a cloud lies.

    It returns the labelled dataset with its features, and the features of the points without labels.
    """

    def make(
        labelled: int = 8, tests: int = 100, unlabelled: Sequence[int] = (150, 150), val: int = 0, seed: int = 0
    ) -> tuple[Dataset, Features, Features]:
        random = np.random.default_rng(seed)
        centre = 5 + 5 * random.random((2, 60))
        centre[1] = centre[0] + APART * random.choice([-1, 1], 60) / np.sqrt(60)

        def draw(label: int, n: int) -> np.ndarray:
            return centre[label] + random.normal(0, 1, (n, 60))

        parts, y, split = [], [], []
        for part, n in (("train", labelled), ("val", val), ("test", tests)):
            for label in (0, 1):
                parts.append(draw(label, n))
                y += [label] * n
                split += [part] * n
        values = np.concatenate(parts)
        n = len(values)
        names = tuple(f"image {i}" for i in range(n))
        dataset = Dataset([None] * n, names, {TASK: np.array(y)}, {TASK: ("left", "right")}, np.array(split))
        others = np.concatenate([draw(label, n) for label, n in enumerate(unlabelled)])
        return dataset, features_of(values, names), features_of(others, [f"other {i}" for i in range(len(others))])

    return make
