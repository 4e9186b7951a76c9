import numpy as np
import pytest


@pytest.fixture
def blobs():
    """Overlapping classes (n, d) with fewer examples than dimensions, far from the origin."""

    def make(n=90, d=120, k=3, spread=1.0, seed=0):
        random = np.random.default_rng(seed)
        y = np.arange(n) % k
        centres = random.normal(size=(k, d))
        X = 5 + spread * centres[y] * 0.5 + random.normal(size=(n, d))
        return X.astype(np.float32), y

    return make
