import numpy as np
import pytest

from regraft.adaptation.boosting import LEAST_ERROR, Booster, Round, say
from regraft.adaptation.multi_source_tradaboost import MultiSourceTrAdaBoost
from regraft.adaptation.tradaboost import TrAdaBoost
from regraft.errors import UsageError

RANDOM = np.random.default_rng(0)
Y = np.arange(60) % 2
X = (RANDOM.normal(size=(60, 100)) + 0.3 * Y[:, None]).astype(np.float32)


def test_how_much_a_round_says():
    assert say(0.5, 2) == 0
    assert say(0.2, 2) == pytest.approx(np.log(4))
    assert say(2 / 3, 3) == pytest.approx(0)


def test_the_error_is_weighted_and_never_nothing():
    found = Round(X[:2], Y[:2], np.array([0.5, 0.1, 0.0]))
    assert found.error(np.array([3.0, 1, 1]), np.array([True, True, False])) == pytest.approx(0.4)
    assert found.error(np.ones(3), np.array([False, False, True])) == LEAST_ERROR


def test_errors_are_those_of_examples_not_seen():
    noise = RANDOM.integers(0, 2, 60)  # in 100 dimensions all 60 can be learnt by heart
    booster = Booster(X, noise, 2, noise, C=1000.0, seed=0)
    found = booster.learn(np.ones(60))
    learnt = (X @ found.coef.T + found.intercept).argmax(axis=1)
    assert np.mean(learnt == noise) == 1
    assert 0.35 < found.missed.mean() < 0.65


def test_an_example_without_weight_teaches_nothing():
    moved = X.copy()
    moved[0] += 0.1
    weights = np.r_[0.0, np.ones(59)]
    first, second = (Booster(Z, Y, 2, Y, C=1.0, seed=0).learn(weights) for Z in (X, moved))
    np.testing.assert_allclose(first.coef, second.coef, atol=4e-3)


@pytest.mark.parametrize("method", [TrAdaBoost, MultiSourceTrAdaBoost])
def test_without_labels_of_the_target(method):
    assert method.needs_target_labels
    with pytest.raises(UsageError, match=f"{method.__name__} learns from labels of the target, and none is known"):
        method().fit(X, Y, X + 1)
    with pytest.raises(UsageError, match="rounds must be 1 or more, not 0"):
        method(rounds=0).fit(X, Y)
