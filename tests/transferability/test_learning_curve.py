from __future__ import annotations

import json

import numpy as np
import pytest

from regraft.transferability.learning_curve import Gain, LearningCurve, learning_curve, power_law


def blobs(n: int, k: int = 2, d: int = 60, spread: float = 0.25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = np.arange(n) % k
    centres = np.random.default_rng(99).normal(size=(k, d))
    return (spread * centres[y] + random.normal(size=(n, d))).astype(np.float32), y


@pytest.mark.parametrize(("a", "b", "c"), [(0.95, 1.0, 0.5), (1.0, 0.6, 0.3), (0.8, 0.0, 1.0)])
def test_power_law_is_found_again(a: float, b: float, c: float) -> None:
    sizes = np.array([10, 20, 40, 80, 160, 320])
    found = power_law(sizes, a - b * sizes**-c)
    later = np.array([640, 1280])
    np.testing.assert_allclose(found[0] - found[1] * later ** -found[2], a - b * later**-c, atol=0.005)


def test_power_law_never_falls_and_never_exceeds_1() -> None:
    a, b, _ = power_law([10, 20, 40], [0.9, 0.8, 0.7])
    assert (a, b) == (pytest.approx(0.8), 0)
    assert power_law([10, 20, 40], [0.2, 0.6, 1.0])[0] <= 1


def test_power_law_follows_the_weights() -> None:
    assert power_law([10, 20, 40], [0.9, 0.5, 0.5], [1e-6, 1, 1])[0] == pytest.approx(0.5, abs=0.01)


def test_what_is_expected_comes() -> None:
    expected, came = [], []
    for seed in range(3):
        X, y = blobs(1600, seed=seed)
        curve = learning_curve(X[:300], y[:300], settings={"powers": (1.0,)}, seed=seed)
        small, large = (learning_curve(X[:n], y[:n], settings={"powers": (1.0,)}).accuracy[-1] for n in (375, 750))
        expected.append(curve.gains[0].gain)
        came.append(large - small)
        low, high = curve.gains[0].ci95
        assert 0 <= low <= curve.gains[0].gain <= high
        assert curve.gains[1].gain >= curve.gains[0].gain
    assert np.mean(expected) == pytest.approx(np.mean(came), abs=0.03)


def test_accuracy_rises_with_the_sizes_and_json_is_plain() -> None:
    X, y = blobs(300)
    curve = learning_curve(X, y, images=3000)
    assert curve.sizes[-1] == 240
    assert list(curve.sizes) == sorted(curve.sizes)
    assert curve.accuracy[-1] > curve.accuracy[0]
    assert curve.images == 3000
    again = json.loads(json.dumps(curve.to_dict()))
    assert again["gains"][0]["times"] == 2
    assert again["reason"] is None
    # There are ten times as many images already, so that less is left to gain.
    assert curve.gains[0].gain < learning_curve(X, y).gains[0].gain


def test_noise_gains_nothing() -> None:
    X, _ = blobs(200, spread=0)
    y = np.random.default_rng(3).integers(0, 2, 200)
    curve = learning_curve(X, y)
    assert curve.gains[0].gain < 0.05


def test_groups_do_not_straddle() -> None:
    X, _ = blobs(60, spread=0)
    y = np.random.default_rng(1).integers(0, 2, 60)
    X, y, groups = np.repeat(X, 4, axis=0), np.repeat(y, 4), np.repeat(np.arange(60), 4).astype(str)
    assert learning_curve(X, y, groups, head="knn").accuracy[-1] < 0.7
    assert learning_curve(X, y, head="knn").accuracy[-1] > 0.9


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (np.arange(12) % 3, "it needs 5 images a class or more, but the median class has 4."),
        (np.zeros(20, int), "a curve needs two classes or more."),
        (np.arange(1000) % 200, "with 200 classes it would take too long to measure."),
    ],
)
def test_too_little_or_too_much_says_why(y: np.ndarray, why: str) -> None:
    X = np.random.default_rng(0).normal(size=(len(y), 4)).astype(np.float32)
    curve = learning_curve(X, y)
    assert (curve.reason, curve.gains) == (why, ())
    assert curve.text == f"What more labels would bring is not known: {why}"


def test_images_that_are_all_the_same_say_so() -> None:
    curve = learning_curve(np.ones((20, 4), np.float32), np.arange(20) % 2)
    assert curve.reason == "the features are the same for all images."


def test_one_group_a_class_says_why() -> None:
    X, y = blobs(20)
    curve = learning_curve(X, y, y.astype(str))
    assert curve.reason is not None
    assert "so nothing can be set aside to test on" in curve.reason


def test_sentences() -> None:
    assert Gain(2, 0.021, (0.001, 0.04)).text == "about +2 points (0 to 4) for twice the labels"
    assert Gain(4, 0.011, (0.0, 0.03)).text == "about +1 point (0 to 3) for four times the labels"
    assert Gain(3, 0.004, (0.0, 0.011)).text == "about +0.4 points (0.0 to 1.1) for 3 times the labels"
    curve = LearningCurve((10, 100), (0.8, 0.9), (0.1, 0.1), 120, (Gain(2, 0.021, (0.001, 0.04)),))
    assert curve.text == "0.900 with 100 images; more labels: about +2 points (0 to 4) for twice the labels."
