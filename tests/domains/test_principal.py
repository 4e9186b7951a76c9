"""Axes of largest variance: nothing is lost where all are kept, and a classifier along them is one of the features."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.domains.principal import principal_axes

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12)).astype(np.float32) + 3
TARGET = RNG.normal(size=(30, 12)).astype(np.float32) - 1


def distances(values: np.ndarray) -> np.ndarray:
    return np.linalg.norm(values[:, None] - values, axis=2)


def test_all_axes_are_a_turn() -> None:
    axes = principal_axes(X, TARGET, 0)
    assert axes.axes.shape == (12, 12)
    np.testing.assert_allclose(axes.axes.T @ axes.axes, np.eye(12), atol=1e-5)
    np.testing.assert_allclose(axes.mean, np.concatenate([X, TARGET]).mean(axis=0), atol=1e-5)
    both = np.concatenate([X, TARGET])
    np.testing.assert_allclose(distances(axes(both)), distances(both), atol=1e-4)


def test_few_axes_are_those_of_largest_variance() -> None:
    wide = (X - 3) * np.array([10, 5] + [0.1] * 10, np.float32)
    axes = principal_axes(wide, wide, 0, most=2)
    assert axes.axes.shape == (12, 2)
    np.testing.assert_allclose(np.abs(axes.axes[[0, 1], [0, 1]]), 1, atol=1e-3)
    assert principal_axes(X[:3], TARGET[:2], 0).axes.shape == (12, 5)  # no more than there are examples


@pytest.mark.parametrize("shape", [(3,), (4, 3)], ids=["a classifier", "several"])
def test_a_classifier_folded_back_says_the_same_of_features_as_they_are(shape: tuple[int, ...]) -> None:
    axes = principal_axes(X, TARGET, 0, most=5)
    coef, intercept = RNG.normal(size=(*shape, 5)), RNG.normal(size=shape)
    other = np.ones(2)
    folded = axes.fold({"coef": coef, "intercept": intercept, "votes": other})
    assert folded["votes"] is other
    along = np.einsum("nd,...kd->n...k", axes(TARGET), coef) + intercept
    plain = np.einsum("nd,...kd->n...k", TARGET, folded["coef"]) + folded["intercept"]
    np.testing.assert_allclose(plain, along, atol=1e-4)


def test_the_same_seed_gives_the_same_axes() -> None:
    np.testing.assert_array_equal(principal_axes(X, TARGET, 3, 4).axes, principal_axes(X, TARGET, 3, 4).axes)
