import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons
from sklearn.utils.estimator_checks import parametrize_with_checks

from regraft.adaptation.deep import DeepCoral, DomainAdversarial, MinimumClassConfusion
from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.tent import Tent
from regraft.errors import UsageError
from regraft.heads.scoring import SCORERS

NETWORKS = (DomainAdversarial, DeepCoral, MinimumClassConfusion)
METHODS = (*NETWORKS, Tent)


@parametrize_with_checks([method(epochs=2) for method in METHODS])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def shifted():
    """Return three classes in 10 dimensions, and the same twice as wide, moved from one class to another."""
    draw = np.random.default_rng(0)
    centres = 3 * draw.normal(size=(3, 10))
    y = np.arange(180) % 3
    X = centres[y] + draw.normal(size=(180, 10))
    return X[:90].astype(np.float32), y[:90], (2 * X[90:] + 4 * (centres[0] - centres[1])).astype(np.float32), y[90:]


def test_it_follows_a_target_that_has_moved(method, shifted):
    X, y, target, truth = shifted
    found = method().fit(X, y, target)
    source_only = SourceOnly().fit(X, y, target)
    assert np.mean(source_only.predict(target) == truth) < 0.8
    assert np.mean(found.predict(target) == truth) > 0.95
    assert np.mean(found.source_proba(X).argmax(1) == y) > 0.95


def test_state_survives_json_and_gives_the_same_answers(method, shifted):
    X, y, target, _ = shifted
    found = method(epochs=2).fit(X, np.array(["cat", "dog", "emu"])[y], target)
    scorer, tensors, settings = found.state()
    assert {array.dtype for array in tensors.values()} == {np.dtype(np.float32)}
    settings = json.loads(json.dumps(settings))
    np.testing.assert_array_equal(SCORERS[scorer](target, tensors, settings), found.predict_proba(target))
    assert set(found.predict(target)) <= {"cat", "dog", "emu"}


def test_the_seed_decides_and_torch_is_left_alone(method, shifted, tmp_path, monkeypatch, capfd, recwarn):
    monkeypatch.chdir(tmp_path)
    X, y, target, _ = shifted
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = (method(epochs=2, seed=3).fit(X, y, target).tensors_ for _ in range(2))
    assert torch.rand(1) == expected
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    other = method(epochs=2, seed=4).fit(X, y, target).tensors_
    assert any(not np.array_equal(one[name], other[name]) for name in one)
    # Lightning says nothing and leaves nothing.
    assert list(Path().iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert [str(w.message) for w in recwarn if "lightning" in str(w.filename)] == []


def test_without_a_target_there_is_nothing_to_adapt_to(method, shifted):
    X, y, *_ = shifted
    found = method(epochs=2).fit(X, y)
    np.testing.assert_array_equal(found.predict_proba(X), found.source_proba(X))
    if method is not Tent:
        plain = method(epochs=2, trade_off=0.0).fit(X, y)
        np.testing.assert_array_equal(plain.predict_proba(X), found.predict_proba(X))


def test_known_labels_are_learnt_from(method):
    # The third class is in the source, but looks like nothing in the target until its labels are known.
    draw = np.random.default_rng(1)
    X = draw.normal(size=(120, 4)).astype(np.float32)
    y = np.arange(120) % 3
    X[np.arange(120), y] += 6
    target, truth = X[:, [2, 0, 1, 3]].copy(), y
    blind = method().fit(X, y, target)
    told = method(epochs=20).fit(X[:30], y[:30], target, known=(np.arange(90), truth[:90]))
    assert np.mean(blind.predict(target[90:]) == truth[90:]) < 0.5
    assert np.mean(told.predict(target[90:]) == truth[90:]) > 0.9


def test_domains_of_one_example_and_of_many(method, shifted):
    X, y, target, _ = shifted
    for few, many in ((X[:4], target), (X, target[:1]), (X, target[:3])):
        proba = method(epochs=2).fit(few, y[: len(few)], many).predict_proba(many)
        assert np.isfinite(proba).all()


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (DomainAdversarial(trade_off=-1.0), "trade_off must be 0 or more, not -1.0"),
        (MinimumClassConfusion(temperature=0.0), "temperature must be above 0, not 0.0"),
        (DeepCoral(epochs=0), "--epochs must be from 1 to 10000, not 0"),
        (DeepCoral(units=0), "units must be 1 or more in each hidden layer"),
        (Tent(epochs=0), "epochs and batch_size must be 1 or more and learning_rate above 0, not epochs=0"),
    ],
)
def test_settings_out_of_range(estimator, words, shifted):
    with pytest.raises(UsageError, match=words):
        estimator.fit(*shifted[:3])


def turned(degrees, n=300):
    """Return two classes on either side of the origin in 8 dimensions, and the same turned round it."""
    draw = np.random.default_rng(0)
    y, truth = np.arange(n) % 2, np.arange(n) % 2
    sides = np.where(np.arange(n) % 2, 4.0, -4.0)
    angle = np.deg2rad(degrees)
    X, target = draw.normal(size=(2, n, 8))
    X[:, 0] += sides
    target[:, 0] += np.cos(angle) * sides
    target[:, 1] += np.sin(angle) * sides
    return X.astype(np.float32), y, target.astype(np.float32), truth


def test_minimum_class_confusion_follows_gaussians_that_are_turned():
    X, y, target, truth = turned(75)
    settings = {"epochs": 30, "dropout": 0.0}
    plain = MinimumClassConfusion(trade_off=0.0, **settings).fit(X, y, target)
    found = MinimumClassConfusion(trade_off=1.0, **settings).fit(X, y, target)
    accuracies = [np.mean(one.predict(target) == truth) for one in (SourceOnly().fit(X, y), plain, found)]
    assert accuracies[2] > max(accuracies[:2]) + 0.04, accuracies


def test_domain_adversarial_network_follows_moons_that_are_turned():
    X, y = make_moons(300, noise=0.08, random_state=0)
    other, truth = make_moons(300, noise=0.08, random_state=1)
    angle, centre = np.deg2rad(30), X.mean(axis=0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    target = ((other - centre) @ turn + centre).astype(np.float32)
    found = DomainAdversarial(epochs=60, dropout=0.0).fit(X, y, target)
    assert np.mean(found.predict(target) == truth) > np.mean(SourceOnly().fit(X, y).predict(target) == truth) + 0.05
