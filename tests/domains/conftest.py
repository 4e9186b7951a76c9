"""Two small domains: images of three colours, bright and dark, and features of a network that nobody trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset

COLOURS = np.array([[40, 60, 200], [50, 170, 60], [200, 50, 40]])
NAMES = ("blue", "green", "red")
TINY: dict[str, Any] = {"backbone": "test_resnet", "weights": "none", "image_size": 32, "engine": "torch"}

Make = Callable[..., Dataset]


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """Return settings of `adapt` under which it takes little time."""
    return dict(TINY)


@pytest.fixture(scope="session")
def make() -> Make:
    """Return a function that draws a domain of noisy images, so many of each class."""

    def draw(
        counts: tuple[int, ...] = (10, 10, 10),
        *,
        light: int = 0,
        seed: int = 0,
        name: str = "day",
        classes: tuple[str, ...] = NAMES,
        noise: float = 60,
        **settings: Any,
    ) -> Dataset:
        rng = np.random.default_rng(seed)
        y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        pixels = COLOURS[y % 3, None, None] + light + rng.normal(0, noise, (len(y), 24, 28, 3))
        present = np.unique(y)
        return Dataset(
            examples=list(np.clip(pixels, 0, 255).astype(np.uint8)),
            names=tuple(f"{name}-{i}" for i in range(len(y))),
            labels={TASK: np.searchsorted(present, y).astype(np.int64)},
            classes={TASK: tuple(classes[c] for c in present)},
            name=name,
            **settings,
        )

    return draw


@pytest.fixture(scope="session")
def day(make: Make) -> Dataset:
    """The source: 30 images."""
    return make()


@pytest.fixture(scope="session")
def night(make: Make) -> Dataset:
    """The target: 24 images, darker."""
    return make((8, 8, 8), light=-40, seed=1, name="night")


@pytest.fixture(scope="session")
def two_days(make: Make) -> Dataset:
    """A source of two domains, 30 images."""
    return make(domain=np.array(["monday", "tuesday"])[np.arange(30) % 2])
