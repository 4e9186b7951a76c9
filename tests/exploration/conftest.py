"""Points in the plane of features: groups far apart, as if of images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest


@pytest.fixture
def grouped() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a function that makes features (n, d) above 0 of groups apart, shuffled, and each one's group (n,)."""

    def make(sizes=(40, 30, 20), d=20, spread=0.1, seed=0):
        rng = np.random.default_rng(seed)
        group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
        centres = rng.uniform(0, 2, (len(sizes), d))
        values = np.abs(centres[group] + rng.normal(0, spread, (len(group), d)))
        return values.astype(np.float32), group

    return make
