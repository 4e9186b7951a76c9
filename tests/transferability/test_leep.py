"""LEEP by hand, and image by image."""

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.transferability.leep import leep
from regraft.transferability.nce import nce


def direct(theta, y):
    total = 0.0
    for i in range(len(y)):
        guess = 0.0
        for z in range(theta.shape[1]):
            joint = sum(theta[j, z] for j in range(len(y)) if y[j] == y[i])
            guess += theta[i, z] * joint / sum(theta[:, z])
        total += np.log(guess)
    return total / len(y)


def test_by_hand():
    # P(a | z1) = (0.8 + 0.6) / 1.6, P(a | z2) = 0.6 / 1.4, where a is the first two images' label.
    theta = np.array([[0.8, 0.2], [0.6, 0.4], [0.2, 0.8]])
    guesses = [0.8 * 0.875 + 0.2 * 3 / 7, 0.6 * 0.875 + 0.4 * 3 / 7, 0.2 * 0.125 + 0.8 * 4 / 7]
    assert leep(theta, ["a", "a", "b"]) == pytest.approx(np.log(guesses).mean())


def test_image_by_image():
    random = np.random.default_rng(0)
    theta, y = random.dirichlet(np.ones(9), 60), random.integers(0, 4, 60)
    assert leep(theta, y) == pytest.approx(direct(theta, y))


def test_certain_sources_make_it_nce_and_settled_ones_make_it_0():
    random = np.random.default_rng(0)
    source, y = random.integers(0, 5, 80), random.integers(0, 3, 80)
    assert leep(np.eye(5)[source], y) == pytest.approx(nce(source, y))
    assert leep(np.eye(5)[y], y) == 0


def test_it_is_never_above_nce_plus_the_mean_log_of_the_largest_share():
    # Property 1 of the paper: with the labels that the source finds most probable, LEEP >= NCE + mean log theta.
    random = np.random.default_rng(1)
    theta, y = random.dirichlet(np.full(6, 0.3), 200), random.integers(0, 3, 200)
    assert leep(theta, y) >= nce(theta.argmax(axis=1), y) + np.log(theta.max(axis=1)).mean()


def test_a_source_class_that_is_never_seen_changes_nothing():
    random = np.random.default_rng(0)
    theta, y = random.dirichlet(np.ones(4), 30), random.integers(0, 2, 30)
    assert leep(np.hstack([theta, np.zeros((30, 3))]), y) == pytest.approx(leep(theta, y))


@pytest.mark.parametrize(
    ("theta", "y", "words"),
    [
        (np.empty((2, 0)), [0, 1], r"but got \(2, 0\) and 2; a network without source classes has no LEEP"),
        (np.ones((3, 1)), [0, 1], r"but got \(3, 1\) and 2"),
        (np.ones((2, 2)), [0, 1], "rows of probabilities that sum to 1; pass the softmax"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), [0, 1], "rows of probabilities"),
        (np.array([[np.nan, 1.0], [0.5, 0.5]]), [0, 1], "rows of probabilities"),
        (np.ones((2, 1)), [1, 1], "two classes or more"),
    ],
)
def test_what_has_no_leep(theta, y, words):
    with pytest.raises(DataError, match=words):
        leep(theta, y)
