import numpy as np
import pytest

from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.tradaboost import TrAdaBoost
from regraft.errors import UsageError


def data(seed=0):
    """A source whose first third is named the other way round, and a target with ten known labels a class."""
    random = np.random.default_rng(seed)
    y = np.arange(720) % 2
    X = random.normal(size=(720, 5)) + np.outer(2 * y - 1, [1.5, 0, 0, 0, 0])
    named = y[:120].copy()
    named[:50] = 1 - named[:50]
    X[:50, 1] += 3  # and lies elsewhere, so that it could be told from the rest
    target, truth = X[120:], y[120:]
    target[:, 1] += 1.5
    return X[:120], named, target, truth, (np.arange(20), truth[:20])


@pytest.mark.parametrize("settings", [{}, {"silent": 0.5, "learning_rate": 1.0}])
def test_the_weights_of_mislabelled_source_examples_sink(settings):
    X, y, target, truth, known = data()
    found = TrAdaBoost(**settings).fit(X, y, target, known=known)
    wrong, right, own = (found.weights_[rows].mean() for rows in (slice(50), slice(50, 120), slice(120, None)))
    assert wrong < 0.6 * right
    assert own > right
    assert found.weights_.sum() == pytest.approx(1)
    pooled = SourceOnly().fit(X, y, target, known=known)
    assert np.mean(found.predict(target[20:]) == truth[20:]) > np.mean(pooled.predict(target[20:]) == truth[20:])


def test_only_the_last_rounds_vote_where_the_first_are_silent():
    X, y, target, _, known = data()
    states = {silent: TrAdaBoost(silent=silent, C=1.0).fit(X, y, target, known=known) for silent in (0.0, 0.5)}
    every, last = (found.tensors_ for found in states.values())
    assert len(every["votes"]) == 10
    for name, array in last.items():
        np.testing.assert_array_equal(array, every[name][5:])


def test_no_better_than_chance_ends_the_rounds():
    X, y, target, truth, _ = data()
    contrary = np.arange(20), 1 - truth[:20]  # of 100 good source examples, twenty labels learn nothing else
    found = TrAdaBoost(C=1.0).fit(X[50:], y[50:], target, known=contrary)
    assert found.settings_["rounds"] == 1
    assert np.isfinite(found.predict_proba(target)).all()


def test_settings_out_of_range():
    X, y, target, _, known = data()
    for settings in ({"silent": 1.0}, {"learning_rate": 0.0}):
        with pytest.raises(UsageError, match="silent must be 0 or above and below 1, and learning_rate above 0"):
            TrAdaBoost(**settings).fit(X, y, target, known=known)
