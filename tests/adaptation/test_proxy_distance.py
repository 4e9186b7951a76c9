"""A classifier that is asked about held-out examples tells domains apart exactly if they differ."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regraft.adaptation.proxy_distance import MOST, proxy_distance
from regraft.errors import DataError


def gaussians(shift: float, n: int = 120, m: int = 120, d: int = 10, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + shift * np.eye(d)[0]


@pytest.mark.parametrize("d", [3, 400])
def test_far_apart(d: int) -> None:
    found = proxy_distance(*gaussians(100.0, d=d))
    assert found.accuracy == 1
    assert found.distance == 2
    assert found.ci95[1] == 2
    assert 1.8 < found.ci95[0] < 2


@pytest.mark.parametrize("d", [3, 400])
def test_one_distribution(d: int) -> None:
    found = proxy_distance(*gaussians(0.0, d=d))
    assert found.accuracy_ci95[0] <= 0.5 <= found.accuracy_ci95[1]
    assert found.ci95[0] == 0


def test_between_as_known() -> None:
    """Two Gaussians 2 apart: the best classifier is right with the chance that a standard normal is below 1, 0.841."""
    found = proxy_distance(*gaussians(2.0, 900, 900))
    assert found.accuracy == pytest.approx(0.841, abs=0.02)
    assert found.distance == pytest.approx(2 * (2 * 0.841 - 1), abs=0.08)
    assert found.accuracy_ci95[0] < 0.841 < found.accuracy_ci95[1]


def test_intervals_cover_chance_where_there_is_nothing_to_tell() -> None:
    intervals = [proxy_distance(*gaussians(0.0, 60, 40, 20, seed), seed).accuracy_ci95 for seed in range(60)]
    assert sum(low > 0.5 or high < 0.5 for low, high in intervals) <= 7  # of 60, where 3 are expected


def test_unequal_domains_weigh_the_same() -> None:
    found = proxy_distance(*gaussians(0.0, 400, 20))
    assert found.accuracy == pytest.approx(0.5, abs=0.15)
    assert (found.n_source, found.n_target) == (400, 20)


def test_dual_and_primal_agree() -> None:
    """As many features as examples, or one more of zeros: two ways to the same classifier."""
    source, target = gaussians(1.0, 60, 60, 119)
    one = proxy_distance(source, target)
    wider = [np.pad(each, ((0, 0), (0, 2))) for each in (source, target)]
    other = proxy_distance(wider[0], wider[1])
    assert one == other


def test_scale_and_place_do_not_matter_and_the_seed_decides() -> None:
    source, target = gaussians(1.0)
    assert proxy_distance(source, target) == proxy_distance(source * 8 + 16, target * 8 + 16)
    assert proxy_distance(source, target, 3) == proxy_distance(source, target, 3)


def test_large_domains_are_sampled() -> None:
    found = proxy_distance(*gaussians(0.0, MOST + 50, 10, 2))
    assert (found.n_source, found.n_target) == (MOST, 10)


def test_all_alike() -> None:
    assert proxy_distance(np.ones((9, 3)), np.ones((9, 3))).distance == 0


def test_json() -> None:
    values = json.loads(json.dumps(proxy_distance(*gaussians(1.0)).to_dict()))
    assert values["n_source"] == 120
    assert values["ci95"][0] < values["distance"] < values["ci95"][1]


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (np.ones((9, 2)), np.ones((9, 3)), r"must be features \(n, d\) and \(m, d\), not \(9, 2\) and \(9, 3\)"),
        (np.ones(9), np.ones((9, 3)), r"must be features \(n, d\) and \(m, d\)"),
        (np.ones((9, 2)), np.ones((4, 2)), "each domain must have 5 examples or more to be compared, not 9 and 4"),
        (np.ones((9, 2)), np.full((9, 2), np.nan), "features must be finite numbers, and some are not"),
    ],
)
def test_bad_features(source: np.ndarray, target: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        proxy_distance(source, target)
