"""The H-score beside its definition: an explicit inverse, a covariance of class means, scikit-learn's shrinkage."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from regraft.transferability.h_score import h_score


def direct(features, y):
    features = np.asarray(features, float)
    shrunk = LedoitWolf().fit(features)
    means = np.empty_like(features)
    for i, label in enumerate(y):
        means[i] = features[y == label].mean(axis=0)
    between = np.atleast_2d(np.cov(means, rowvar=False, bias=True))
    return np.trace(np.linalg.inv(shrunk.covariance_) @ between) * (1 - shrunk.shrinkage_)


@pytest.mark.parametrize(("n", "d", "k"), [(200, 6, 3), (60, 30, 5), (30, 80, 4)])
def test_it_is_what_the_definition_gives(clouds, n, d, k):
    features, y = clouds(n, d, k)
    assert h_score(features, y) == pytest.approx(direct(features, y), rel=1e-6)


def test_it_lies_between_0_and_one_less_than_the_classes(clouds):
    # Of classes far apart all variance but that within is between: k - 1 axes of variance 1 in their own metric.
    assert h_score(*clouds(2000, 10, 4, spread=100.0)) == pytest.approx(3, abs=0.05)
    assert 0 <= h_score(*clouds(2000, 10, 4, spread=0.0)) < 0.1


def test_more_features_than_images_do_not_tell_random_labels_apart(clouds):
    features, _ = clouds(100, 300, 2, spread=0.0)
    y = np.arange(100) % 2
    assert h_score(features, y) < 0.5  # without shrinkage it would be 1, as of perfect features


def test_where_nothing_is_known_of_how_features_vary_together():
    assert h_score(np.eye(3), [0, 1, 1]) == pytest.approx(0)


def test_one_feature_is_enough(clouds):
    features, y = clouds(50, 1, 2)
    assert h_score(features, y) == pytest.approx(direct(features, y), rel=1e-6)
