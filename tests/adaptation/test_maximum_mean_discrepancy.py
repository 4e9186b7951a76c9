"""The discrepancy against its definition, and a test that is wrong as often as it says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regraft.adaptation.maximum_mean_discrepancy import PERMUTATIONS, maximum_mean_discrepancy
from regraft.errors import DataError


def by_definition(source: np.ndarray, target: np.ndarray) -> float:
    every = np.concatenate([source, target])
    distances = np.sqrt(((every[:, None] - every[None]) ** 2).sum(axis=2))
    width = np.median(distances[np.triu_indices(len(every), 1)])
    kernel = np.exp(-(distances**2) / (2 * width**2))
    n, m = len(source), len(target)
    own = sum(kernel[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    others = sum(kernel[i, j] for i in range(n, n + m) for j in range(n, n + m) if i != j) / (m * (m - 1))
    return float(own + others - 2 * kernel[:n, n:].mean())


def test_by_definition() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(13, 4)), rng.normal(size=(9, 4)) * 2 + 0.5
    found = maximum_mean_discrepancy(source, target)
    assert found.mmd2 == pytest.approx(by_definition(source, target), abs=1e-5)
    assert (found.n_source, found.n_target) == (13, 9)


def test_it_sees_what_means_do_not() -> None:
    """Same mean, other spread."""
    rng = np.random.default_rng(0)
    found = maximum_mean_discrepancy(rng.normal(size=(150, 3)), 2 * rng.normal(size=(150, 3)))
    assert found.mmd2 > 0
    assert found.p_value == pytest.approx(1 / (1 + PERMUTATIONS))


def test_p_values_of_one_distribution_are_uniform() -> None:
    rng = np.random.default_rng(1)
    p = np.array(
        [maximum_mean_discrepancy(rng.normal(size=(30, 5)), rng.normal(size=(20, 5)), i, 99).p_value for i in range(80)]
    )
    assert (p < 0.05).mean() < 0.13
    assert 0.4 < p.mean() < 0.6


def test_the_seed_decides_and_scale_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 0.2
    one = maximum_mean_discrepancy(source, target, seed=4)
    assert one == maximum_mean_discrepancy(source, target, seed=4)
    assert one.mmd2 == pytest.approx(maximum_mean_discrepancy(8 * source + 1, 8 * target + 1, seed=4).mmd2, abs=1e-5)


def test_examples_that_are_all_alike() -> None:
    found = maximum_mean_discrepancy(np.ones((5, 2)), np.ones((5, 2)))
    assert found.mmd2 == pytest.approx(0, abs=1e-6)
    assert found.p_value == 1
    # More than half the same: the median distance is 0, and the domains still differ.
    mostly = maximum_mean_discrepancy(np.zeros((30, 2)), np.concatenate([np.zeros((20, 2)), np.ones((10, 2))]))
    assert mostly.p_value < 0.05


def test_json_and_bad_features() -> None:
    found = maximum_mean_discrepancy(np.eye(5), np.eye(5) + 1)
    assert json.loads(json.dumps(found.to_dict()))["p_value"] == found.p_value
    with pytest.raises(DataError, match="each domain must have 2 examples or more to be compared, not 5 and 1"):
        maximum_mean_discrepancy(np.eye(5), np.ones((1, 5)))
