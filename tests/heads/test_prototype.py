"""Prototypes: left-out answers in closed form are those of fits without the examples; shrinkage is chosen by them."""

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.heads.prototype import DEFAULT_SCALE, DEFAULT_SHRINKAGE, SHRINKAGES, PrototypeHead
from regraft.heads.scoring import signed_power, softmax


def refitted(X, y, train, test, shrinkage, scale):
    """Ridge regression on class indicators, written out, with the penalty of all examples."""
    raised = signed_power(X, 0.5).astype(float)
    penalty = shrinkage * ((raised - raised.mean(0)) ** 2).sum(1).mean()
    centre, indicators = raised[train].mean(0), np.eye(y.max() + 1)[y[train]]
    centred = raised[train] - centre
    weights = np.linalg.solve(
        centred.T @ centred + penalty * np.eye(X.shape[1]), centred.T @ (indicators - indicators.mean(0))
    )
    return softmax(scale * ((raised[test] - centre) @ weights + indicators.mean(0)))


@pytest.mark.parametrize("d", [8, 60])
def test_what_is_left_out_is_as_if_it_had_never_been(blobs, d):
    X, y = blobs(n=24, d=d)
    folds = np.split(np.random.default_rng(1).permutation(24), 4)
    pairs = [(np.setdiff1d(np.arange(24), fold), fold) for fold in folds]
    head = PrototypeHead(shrinkages=(0.1,)).fit(X, y)
    found = head.out_of_fold(X, y, pairs)
    scale = head.settings_["inverse_temperature"]
    expected = np.concatenate([refitted(X, y, train, test, 0.1, scale) for train, test in pairs])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_tested_rows_may_be_fewer_than_those_left_out(blobs):
    X, y = blobs(n=12, d=30)
    head = PrototypeHead().fit(X, y)
    rest = np.arange(3, 12)
    whole = head.out_of_fold(X, y, [(rest, np.arange(3))])
    np.testing.assert_allclose(head.out_of_fold(X, y, [(rest, np.array([1]))]), whole[1:2])


def test_noise_is_shrunk_more_than_clear_classes(blobs):
    clear, y = blobs(n=40, d=10, k=2, spread=6)
    noise = np.random.default_rng(0).normal(size=(40, 10)).astype(np.float32)
    chosen = [PrototypeHead(SHRINKAGES).fit(X, y).settings_["shrinkage"] for X in (clear, noise)]
    assert chosen[0] < chosen[1] == max(SHRINKAGES)


def test_copies_in_one_group_do_not_vouch_for_each_other():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(20, 50)).astype(np.float32), np.arange(20) % 2
    X, y, groups = np.concatenate([X, X]), np.tile(y, 2), np.tile(np.arange(20), 2)
    alone, together = PrototypeHead().fit(X, y), PrototypeHead().fit(X, y, groups)
    assert together.settings_["inverse_temperature"] < alone.settings_["inverse_temperature"]


def test_one_example_of_each_class_is_learnt_from_with_the_defaults(blobs):
    X, y = blobs(n=3, spread=9)
    head = PrototypeHead().fit(X, y)
    assert head.settings_["shrinkage"] == DEFAULT_SHRINKAGE
    assert head.settings_["inverse_temperature"] == DEFAULT_SCALE
    assert head.predict(X).tolist() == y.tolist()


def test_examples_that_are_all_alike_have_even_chances():
    proba = PrototypeHead().fit(np.ones((4, 5)), [0, 1, 0, 1]).predict_proba(np.ones((1, 5)))
    np.testing.assert_allclose(proba, 0.5, atol=1e-6)


def test_settings_that_mean_nothing_are_refused(blobs):
    X, y = blobs()
    with pytest.raises(UsageError, match="shrinkages must be one or more numbers above 0, not"):
        PrototypeHead(shrinkages=()).fit(X, y)
    with pytest.raises(UsageError, match="power must be above 0, not 0"):
        PrototypeHead(power=0).fit(X, y)
