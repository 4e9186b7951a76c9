import tracemalloc

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from regraft.errors import UsageError
from regraft.heads import logistic
from regraft.heads.logistic import CS, LogisticHead


@pytest.mark.parametrize(("n", "d"), [(60, 200), (300, 40)])
@pytest.mark.parametrize("k", [2, 4])
def test_agrees_with_scikit_learn(n, d, k, blobs):
    X, y = blobs(n=n, d=d, k=k)
    head = LogisticHead(C=30.0, powers=(1.0,)).fit(X, y)
    centred = (X - X.mean(0)).astype(np.float64)
    # Two columns of weights share what scikit-learn's one column for two classes carries alone.
    C = 30.0 / np.mean(np.sum(centred**2, axis=1)) * (2 if k == 2 else 1)
    reference = LogisticRegression(C=C, tol=1e-8, max_iter=10000).fit(centred, y)
    tensors, settings = head.state()
    sure = settings["inverse_temperature"]
    logits = (X @ tensors["coef"].T + tensors["intercept"]) / sure
    np.testing.assert_allclose(softmax(logits, axis=1), reference.predict_proba(centred), atol=0.01)


def test_scale_of_the_features_does_not_matter(blobs):
    X, y = blobs()
    small, large = LogisticHead().fit(X, y), LogisticHead().fit(X * 1024, y)
    for setting in ("C", "power", "inverse_temperature"):
        assert small.settings_[setting] == pytest.approx(large.settings_[setting], rel=1e-3)
    np.testing.assert_allclose(small.predict_proba(X), large.predict_proba(X * 1024), atol=1e-3)


def test_C_is_large_where_small_differences_tell_the_classes_apart_and_small_where_nothing_does():
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = random.normal(size=(200, 30)) * np.geomspace(10, 0.1, 30)
    X[:, -1] += 0.5 * y
    signal, noise = LogisticHead(powers=(1.0,)), LogisticHead(powers=(1.0,))
    signal.fit(X, y)
    noise.fit(X, random.permutation(y))
    assert signal.settings_["C"] >= 100 * noise.settings_["C"]
    assert signal.score(X, y) > 0.95
    assert noise.predict_proba(X).max() < 0.6


def test_C_is_taken_as_given(blobs):
    X, y = blobs()
    assert LogisticHead(C=7.0).fit(X, y).settings_["C"] == 7.0
    assert LogisticHead().fit(X, y).settings_["C"] in CS


def test_power_is_chosen_by_the_data():
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    # The class is in small values; large ones that mean nothing drown it unless their roots are taken.
    signal = (0.02 + 0.1 * y[:, None]) * random.random((200, 20))
    X = np.hstack([signal, random.exponential(size=(200, 20)) ** 3])
    assert LogisticHead().fit(X, y).settings_["power"] == 0.5
    assert LogisticHead(powers=(1.0,)).fit(X, y).settings_["power"] == 1.0


def test_probabilities_are_as_sure_as_they_are_right(blobs):
    X, y = blobs(n=1200, d=60, spread=0.35)
    proba = LogisticHead().fit(X[:300], y[:300]).predict_proba(X[300:])
    right = (proba.argmax(1) == y[300:]).mean()
    assert 0.5 < right < 0.95
    assert proba.max(1).mean() == pytest.approx(right, abs=0.06)


def test_given_folds_are_those_it_chooses_on(blobs):
    X, y = blobs(n=60)
    pairs = list(StratifiedKFold(3).split(X, y))
    by_pairs, by_number = (LogisticHead(cv=cv).fit(X, y).settings_ for cv in (pairs, 3))
    assert by_pairs["inverse_temperature"] != by_number["inverse_temperature"]
    shuffled = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    assert LogisticHead(cv=shuffled).fit(X, y).settings_ == by_number


def test_settings_are_chosen_on_a_part_of_many_examples(blobs):
    X, y = blobs(n=900, d=20, spread=0.4)
    part, whole = LogisticHead(cv_samples=100).fit(X, y), LogisticHead().fit(X, y)
    assert part.settings_ != whole.settings_
    assert np.mean(part.predict(X) == whole.predict(X)) > 0.95


def test_memory_is_about_one_copy_of_the_features(blobs):
    X, y = blobs(n=30000, d=100)
    tracemalloc.start()
    LogisticHead(C=10.0, powers=(1.0,)).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * X.nbytes


@pytest.mark.parametrize(("settings", "came"), [({"C": 0}, "0"), ({"Cs": [-1.0, 1.0]}, "-1.0"), ({"Cs": []}, "mis")])
def test_C_must_be_above_zero(settings, came, blobs):
    X, y = blobs()
    with pytest.raises(UsageError, match=f"C must be above 0, not {came}"):
        LogisticHead(**settings).fit(X, y)


@pytest.mark.parametrize("powers", [(), (1.0, 0.0)])
def test_powers_must_be_above_zero(powers, blobs):
    X, y = blobs()
    with pytest.raises(UsageError, match="powers must be one or more numbers above 0, not "):
        LogisticHead(powers=powers).fit(X, y)


def test_folds_that_can_test_nothing_are_passed_over(blobs):
    X, y = blobs(n=60)
    [pair, *_] = StratifiedKFold(3).split(X, y)
    blind = (np.flatnonzero(y == 0), np.flatnonzero(y == 1))
    assert LogisticHead(cv=[pair, blind]).fit(X, y).settings_ == LogisticHead(cv=[pair]).fit(X, y).settings_


def test_out_of_fold_is_nested_on_small_sets_and_shares_one_space_on_large_ones(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    spaces = []
    real = logistic.PrincipalSpace
    monkeypatch.setattr(logistic, "PrincipalSpace", lambda *a: spaces.append(1) or real(*a))
    for n, alone in ((60, False), (logistic.NESTED_BELOW, True)):
        y = np.arange(n) % 2
        X = rng.normal(size=(n, 8)).astype(np.float32) + 2 * y[:, None]
        pairs = [(np.flatnonzero(np.arange(n) % 3 != i), np.flatnonzero(np.arange(n) % 3 == i)) for i in range(3)]
        head = logistic.LogisticHead().fit(X, y)
        spaces.clear()
        proba = head.out_of_fold(X, y, pairs)
        truth = np.concatenate([y[test] for _, test in pairs])
        assert (proba.argmax(1) == truth).mean() > 0.9
        assert (len(spaces) == 1) is alone
