"""Features that tell classes apart more or less well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture(scope="session")
def clouds() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a function that draws features (n, d) around one centre a class, and their classes."""

    def draw(n: int, d: int, k: int, spread: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        y = np.concatenate([np.arange(k), random.integers(0, k, n - k)])
        centres = random.normal(size=(k, d))
        return (0.5 + centres[y] * spread + random.normal(size=(n, d))).astype(np.float32), y

    return draw
