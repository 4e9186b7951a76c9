import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.heads.selection import select_head
from regraft.heads.source_prior import SourcePriorHead


def known(n=180, d=150, k=30, wrong=0.0, seed=0):
    """Examples of many classes, few of each, and the linear map that knows them; as much of it is noise as `wrong`."""
    random = np.random.default_rng(seed)
    coef = random.normal(size=(k, d))
    y = np.arange(n) % k
    X = coef[y] + 5 * random.normal(size=(n, d))
    coef = (1 - wrong) * coef + wrong * random.normal(size=(k, d))
    return X.astype(np.float32), y, {"coef": coef.astype(np.float32) / 5, "intercept": np.zeros(k, np.float32)}


def test_what_the_source_knows_is_worth_many_examples():
    X, y, prior = known()
    plain, begun = (SourcePriorHead(**settings).fit(X[:90], y[:90]) for settings in ({}, prior))
    assert begun.score(X[90:], y[90:]) > plain.score(X[90:], y[90:]) + 0.2
    assert begun.settings_["alpha"] == 1.0


def test_chosen_by_cross_validation_where_it_helps():
    X, y, prior = known()
    chosen = select_head(X, y, {"logistic": {"powers": (1.0,)}, "source": prior})
    assert chosen.name == "source"


def test_learns_what_the_source_does_not_know():
    X, y, prior = known(n=600, k=6, d=40, wrong=1.0)
    head = SourcePriorHead(**prior).fit(X[:300], y[:300])
    plain = SourcePriorHead().fit(X[:300], y[:300])
    assert head.settings_["C"] > 0
    assert head.score(X[300:], y[300:]) > plain.score(X[300:], y[300:]) - 0.05


def test_a_class_that_the_source_has_not_is_learnt_beside_those_it_has():
    X, y, prior = known(n=400, k=2, d=100)
    prior["coef"][1] = 0
    begun = SourcePriorHead(**prior).fit(X[:40], y[:40])
    plain = SourcePriorHead().fit(X[:40], y[:40])
    assert begun.score(X[40:], y[40:]) >= plain.score(X[40:], y[40:])


def test_with_nothing_learnt_the_logits_are_the_sources():
    X, y, prior = known(n=300, k=30)
    prior["intercept"] = np.linspace(-0.1, 0.1, 30).astype(np.float32)
    head = SourcePriorHead(**prior, Cs=()).fit(X, y)
    tensors, settings = head.state()
    assert settings["C"] == 0
    sure = settings["inverse_temperature"]
    np.testing.assert_allclose(tensors["coef"], sure * prior["coef"], rtol=1e-5)
    np.testing.assert_allclose(tensors["intercept"], sure * prior["intercept"], atol=1e-5)


@pytest.mark.parametrize("n", [90, 420])
def test_out_of_fold_adds_the_prior_and_copes_with_classes_a_fold_lacks(n):
    X, y, prior = known(n=n, k=30)
    head = SourcePriorHead(**prior).fit(X, y)
    test = np.flatnonzero((y < 2) | (np.arange(n) < 30))
    pairs = [(np.setdiff1d(np.arange(n), test), test)]
    proba = head.out_of_fold(X, y, pairs)
    assert proba.shape == (len(test), 30)
    np.testing.assert_allclose(proba.sum(1), 1)
    seen = y[test] >= 2
    assert (proba.argmax(1) == y[test])[seen].mean() > 0.6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coef": np.zeros((30, 7))}, r"coef must be \(k, 150\) and intercept \(k,\), as wide as the features, not"),
        ({"intercept": np.zeros(3)}, r"as wide as the features, not \(30, 150\) and \(3,\)"),
        ({"alphas": ()}, r"alphas must be one or more numbers above 0, not \(\)"),
        ({"alphas": (0.0,)}, "alphas must be one or more numbers above 0, not"),
        ({"coef": np.zeros((4, 150)), "intercept": None}, "coef must have a row for each of the 30 classes, not 4"),
    ],
)
def test_what_does_not_fit_is_refused(change, words):
    X, y, prior = known()
    with pytest.raises(UsageError, match=words):
        SourcePriorHead(**{**prior, **change}).fit(X, y)
