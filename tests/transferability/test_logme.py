"""LogME beside the evidence written as a normal density, maximised without the fixed point."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from regraft.errors import DataError
from regraft.transferability.logme import logme


def log_evidence(features, indicator, alpha, beta):
    """The density of labels that are a random linear function of the features, plus noise."""
    covariance = features @ features.T / alpha + np.eye(len(features)) / beta
    return multivariate_normal(np.zeros(len(features)), covariance).logpdf(indicator)


def direct(features, y):
    features = np.asarray(features, float)
    best = []
    for label in np.unique(y):
        indicator = (y == label).astype(float)

        def loss(logs, t=indicator):
            return -log_evidence(features, t, *np.exp(logs))

        starts = [(a, b) for a in np.arange(-2.0, 9.0) for b in np.arange(0.0, 9.0)]
        found = minimize(
            loss,
            x0=min(starts, key=loss),
            method="Nelder-Mead",
            options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000},
        )
        best.append(-found.fun / len(y))
    return np.mean(best)


@pytest.mark.parametrize(("n", "d", "k"), [(40, 5, 2), (60, 8, 4), (35, 40, 3)])
def test_the_maximum_is_that_of_a_direct_search(clouds, n, d, k):
    features, y = clouds(n, d, k, spread=0.5)
    assert logme(features, y) == pytest.approx(direct(features, y), abs=1e-6)


def test_labels_that_the_features_say_nothing_of_leave_noise_alone():
    features = np.tile(np.eye(2), (20, 1)) * [1, -1]  # alternating, while the labels change every two images
    y = np.arange(40) // 2 % 2
    # All weights at 0: the density of 20 ones and 20 zeros under noise of variance 1/2 around 0.
    noise = -0.5 * (np.log(2 * np.pi * 0.5) + 1)
    assert logme(features - features.mean(axis=0), y) == pytest.approx(noise, abs=1e-6)


def test_better_features_score_higher(clouds):
    scores = [logme(*clouds(200, 20, 4, spread)) for spread in (0.0, 0.3, 1.0, 3.0)]
    assert scores == sorted(scores)
    assert scores[3] > scores[0] + 0.5


def test_scale_order_and_names_of_classes_do_not_matter(clouds):
    features, y = clouds(50, 6, 3)
    order = np.random.default_rng(1).permutation(50)
    expected = logme(features, y)
    assert logme(1000 * features, y) == pytest.approx(expected, abs=1e-6)
    assert logme(features[order], np.array(["c", "a", "b"])[y][order]) == pytest.approx(expected, abs=1e-9)


def test_features_that_give_the_labels_exactly_score_highest_and_finitely(clouds):
    y = np.arange(60) % 3
    leaked = logme(np.eye(3)[y], y)
    assert np.isfinite(leaked)
    assert leaked > logme(clouds(60, 3, 3, spread=5.0)[0], y) + 1
    features, y = clouds(60, 100, 3)
    assert np.isfinite(logme(np.concatenate([features, features[:5]]), np.concatenate([y, y[:5]])))


def test_one_class_is_refused(clouds):
    with pytest.raises(DataError, match="two classes or more"):
        logme(clouds(10, 3, 2)[0], np.zeros(10))
