import numpy as np

from regraft.adaptation.multi_source_tradaboost import MultiSourceTrAdaBoost
from regraft.adaptation.source_only import SourceOnly


def test_the_source_that_serves_is_listened_to_and_the_other_is_not():
    random = np.random.default_rng(0)
    y = np.arange(600) % 3
    X = random.normal(size=(600, 8)) + 2.5 * np.eye(8)[y]
    named, domains = y[:200].copy(), np.repeat(["bad", "good"], [120, 80])
    named[:120] = (named[:120] + 1) % 3
    known = np.arange(9), y[200:209]
    target, truth = X[200:], y[200:]
    found = MultiSourceTrAdaBoost().fit(X[:200], named, target, known=known, domains=domains)
    pooled = SourceOnly().fit(X[:200], named, target, known=known)
    assert np.mean(found.predict(target[9:]) == truth[9:]) > 0.85
    assert np.mean(pooled.predict(target[9:]) == truth[9:]) < 0.7
    assert found.weights_[:120].mean() < found.weights_[120:200].mean()
