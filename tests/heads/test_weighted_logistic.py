import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from regraft.errors import UsageError
from regraft.heads.logistic import LogisticHead
from regraft.heads.weighted_logistic import WeightedLogisticHead


@parametrize_with_checks([WeightedLogisticHead()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_equals_scikit_learn_s_weighted_regression(blobs):
    X, y = blobs(n=200, d=6)
    weights = np.random.default_rng(0).uniform(0, 3, 200)
    C = 3.0
    found = WeightedLogisticHead(weights, C=C, cv=[]).fit(X, y)
    spread = np.mean(np.sum((X - X.mean(axis=0)) ** 2, axis=1))
    oracle = LogisticRegression(C=C / spread, tol=1e-8, max_iter=5000)
    oracle.fit(X, y, sample_weight=weights / weights.mean())
    np.testing.assert_allclose(found.predict_proba(X), oracle.predict_proba(X), atol=5e-3)


def test_weights_all_alike_are_none(blobs):
    X, y = blobs()
    alike, none = (head.fit(X, y) for head in (WeightedLogisticHead(np.full(90, 7.0)), LogisticHead(powers=(1.0,))))
    np.testing.assert_allclose(alike.predict_proba(X), none.predict_proba(X), atol=1e-4)


def test_examples_of_no_weight_have_no_say(blobs):
    X, y = blobs(n=180)
    y[90:] = np.random.default_rng(0).permutation(y[90:])
    weights = np.repeat([1.0, 0.0], 90)
    new, truth = blobs(n=360)
    rest = slice(180, None)
    heard, unheard = (WeightedLogisticHead(w).fit(X, y) for w in (np.ones(180), weights))
    losses = [-np.log(head.predict_proba(new[rest])[np.arange(180), truth[rest]]).mean() for head in (heard, unheard)]
    assert losses[1] < 0.8 * losses[0]


@pytest.mark.parametrize("weights", [np.ones(3), np.r_[-1.0, np.ones(89)], np.zeros(90), np.r_[np.nan, np.ones(89)]])
def test_weights_that_cannot_be(blobs, weights):
    X, y = blobs()
    with pytest.raises(UsageError, match="weights must be 90 numbers of 0 or above, one an example and not all 0"):
        WeightedLogisticHead(weights).fit(X, y)
