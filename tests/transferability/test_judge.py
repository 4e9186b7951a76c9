"""The judge: the same images for all sources, never one that the probe was fitted on."""

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.transferability.judge import CLASSES, IMAGES, appoint


def test_it_tells_good_features_from_bad(clouds):
    features, y = clouds(120, 10, 3, spread=3.0)
    judge = appoint(y, None, 0)
    good = judge(features)
    assert good.accuracy > 0.95
    assert good.n == 120
    assert 0 < good.se < 0.03
    noise = judge(np.random.default_rng(1).normal(size=(120, 10)).astype(np.float32))
    assert noise.accuracy < 0.55
    assert noise.se == pytest.approx(np.sqrt(noise.accuracy * (1 - noise.accuracy) / 120), rel=0.05)


def test_features_that_know_each_image_by_heart_are_worth_nothing():
    y = np.arange(80) % 2
    assert appoint(y, None, 0)(np.eye(80, dtype=np.float32)).accuracy <= 0.6


def test_images_of_one_group_are_held_out_together():
    # Each group has a mark of its own, and a class by chance: marks only help where a group straddles a fold.
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 5)
    y = random.permutation(np.arange(40) % 2)[group]
    features = (random.normal(size=(40, 60))[group] + 0.1 * random.normal(size=(200, 60))).astype(np.float32)
    assert appoint(y, None, 0)(features).accuracy > 0.9
    assert appoint(y, group.astype("<U3"), 0)(features).accuracy < 0.75


def test_the_same_seed_draws_the_same_images():
    y = np.arange(5000) % 4
    one, same, other = (appoint(y, None, seed) for seed in (0, 0, 1))
    assert np.array_equal(one.rows, same.rows)
    assert not np.array_equal(one.rows, other.rows)


def test_many_images_are_sampled_in_the_shares_of_their_classes():
    y = np.repeat([0, 1], [4000, 1000])
    judge = appoint(y, None, 0)
    assert len(judge.rows) == IMAGES
    assert judge.chance == pytest.approx(0.8)
    assert np.array_equal(judge.y, y[judge.rows])


def test_many_classes_are_sampled_and_those_that_can_be_tested_come_first():
    y = np.concatenate([np.repeat(np.arange(150), 3), np.arange(150, 1500)])
    judge = appoint(y, None, 0)
    assert judge.y.max() == CLASSES - 1
    assert y[judge.rows].max() < 150
    assert len(judge.rows) == 3 * CLASSES


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0, 0, 0], "two classes or more, but there is 1; add another class"),
        ([0, 1, 2], "no class has two examples"),
    ],
)
def test_what_cannot_be_judged(y, words):
    with pytest.raises(DataError, match=words):
        appoint(np.array(y), None, 0)


def test_dead_features_cannot_be_judged():
    y = np.arange(10) % 2
    with pytest.raises(DataError, match="must differ between images"):
        appoint(y, None, 0)(np.ones((10, 3), np.float32))
    with pytest.raises(DataError, match="finite"):
        appoint(y, None, 0)(np.full((10, 3), np.inf, np.float32))
