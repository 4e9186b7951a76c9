"""What holds for every method on arrays."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from regraft.adaptation.coral import Coral
from regraft.adaptation.density_ratio import DensityRatio
from regraft.adaptation.kernel_mean_matching import KernelMeanMatching
from regraft.adaptation.multi_source_tradaboost import MultiSourceTrAdaBoost
from regraft.adaptation.optimal_transport import OptimalTransport
from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.standardization import Standardization
from regraft.adaptation.subspace_alignment import SubspaceAlignment
from regraft.adaptation.tradaboost import TrAdaBoost
from regraft.adaptation.transfer_component import TransferComponents
from regraft.heads.scoring import SCORERS

ALIGNMENTS = (Standardization, Coral, SubspaceAlignment, TransferComponents, OptimalTransport)
METHODS = (SourceOnly, *ALIGNMENTS, DensityRatio, KernelMeanMatching, TrAdaBoost, MultiSourceTrAdaBoost)


def made(method, **settings):
    if method is OptimalTransport:
        pytest.importorskip("ot")
    return method(**settings)


@parametrize_with_checks([method() for method in METHODS])
def test_scikit_learn_contract(estimator, check):
    if isinstance(estimator, OptimalTransport):
        pytest.importorskip("ot")
    check(estimator)


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture
def shifted():
    """A source in two domains, a target that is shifted from both, and five known labels a class of it."""
    random = np.random.default_rng(0)
    y = np.arange(240) % 3
    X = (5 + 0.75 * random.normal(size=(3, 30))[y] + random.normal(size=(240, 30))).astype(np.float32)
    X[:60] += 0.5
    X[120:] += np.linspace(-1, 1, 30, dtype=np.float32)
    known = np.arange(15), y[120:135]
    return X[:120], y[:120], X[120:], y[120:], known, np.arange(120) // 60


def test_names_the_target_better_than_chance_and_what_it_says_can_be_stored(method, shifted):
    X, y, target, truth, known, domains = shifted
    names = np.array(["cat", "dog", "emu"])
    found = made(method).fit(X, names[y], target, known=(known[0], names[known[1]]), domains=domains)
    proba = found.predict_proba(target[15:])
    assert np.mean(proba.argmax(1) == truth[15:]) > 0.75
    np.testing.assert_array_equal(found.predict(target), found.classes_[found.predict_proba(target).argmax(1)])
    scorer, tensors, settings = found.state()
    assert {array.dtype for array in tensors.values()} == {np.dtype(np.float32)}
    assert settings["n_features"] == 30
    again = SCORERS[scorer](target[15:], tensors, json.loads(json.dumps(settings)))
    np.testing.assert_array_equal(again, proba)


def test_same_seed_same_state(method, shifted):
    X, y, target, _, known, domains = shifted
    first, second = (made(method).fit(X, y, target, known=known, domains=domains).state() for _ in range(2))
    assert first[2] == second[2]
    for name, array in first[1].items():
        np.testing.assert_array_equal(array, second[1][name])


def test_a_source_of_few_examples_and_a_target_of_one(method, shifted):
    X, y, target, *_ = shifted
    domains = np.r_[np.zeros(117, int), 1, 1, 2]
    found = made(method).fit(X, y, target[:1], known=([0], y[:1]), domains=domains)
    assert np.isfinite(found.predict_proba(target)).all()
    assert np.isfinite(found.source_proba(X, 2)).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_features_that_are_all_alike(method, value):
    X, y = np.full((20, 8), value, np.float32), np.arange(20) % 2
    found = made(method).fit(X, y, X + 1, known=([0, 1], [0, 1]))
    np.testing.assert_allclose(found.predict_proba(X + 1), 0.5, atol=0.1)


@pytest.mark.parametrize("method", ALIGNMENTS, ids=lambda method: method.__name__)
def test_source_examples_are_scored_where_they_have_been_moved(method, shifted):
    X, y, target, _, _, domains = shifted
    found = made(method).fit(X, y, target, domains=domains)
    for domain in (0, 1):
        own = domains == domain
        assert np.mean(found.source_proba(X[own], domain).argmax(1) == y[own]) > 0.9
    with pytest.raises(Exception, match="domain must be from 0 to 1, as there are sources, not 2"):
        found.source_proba(X, 2)


@pytest.mark.parametrize("method", ALIGNMENTS, ids=lambda method: method.__name__)
def test_known_labels_of_the_target_are_learnt_from(method, shifted):
    X, y, target, truth, _, _ = shifted
    rows = np.arange(60)
    swapped = (truth[rows] + 1) % 3  # whoever listens to them names the target otherwise
    found, deaf = (clone(made(method)).fit(X, y, target, known=known) for known in ((rows, swapped), None))
    share = [np.mean(one.predict(target[rows]) == swapped) for one in (found, deaf)]
    assert share[0] > share[1] + 0.1


@pytest.mark.parametrize("method", [Coral, Standardization, SubspaceAlignment], ids=lambda method: method.__name__)
def test_a_target_without_another_distribution_leaves_the_source_as_it_is(method, shifted):
    X, y, *_ = shifted
    found = made(method, C=100.0).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), found.source_proba(X), atol=1e-4)
