"""What holds for every head: a new entry of HEADS is tested without being asked."""

import json

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from regraft.heads import HEADS, head_class
from regraft.heads.scoring import CHUNK, SCORERS

CLASSES = [entry.load() for entry in HEADS.values()]


@parametrize_with_checks([cls() for cls in CLASSES])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


def test_learns_and_is_surer_than_chance_on_new_examples(name, blobs):
    X, y = blobs(n=180)
    head = head_class(name)().fit(X[:90], y[:90])
    proba = head.predict_proba(X[90:])
    assert np.mean(proba.argmax(1) == y[90:]) > 0.8
    assert -np.log(proba[np.arange(90), y[90:]]).mean() < 0.6 * np.log(3)


def test_state_survives_json_and_float32_and_gives_the_same_answers(name, blobs):
    X, y = blobs()
    labels = np.array(["cat", "dog", "emu"])[y]
    head = head_class(name)().fit(X, labels)
    tensors, settings = head.state()
    assert {array.dtype for array in tensors.values()} <= {np.dtype(np.float32), np.dtype(np.int32)}
    settings = json.loads(json.dumps(settings))
    again = head_class(name).from_state({key: value.copy() for key, value in tensors.items()}, settings, head.classes_)
    np.testing.assert_array_equal(again.predict_proba(X), head.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X), head.predict(X))
    np.testing.assert_array_equal(SCORERS[name](X, tensors, settings), head.predict_proba(X))


def test_prediction_is_the_most_probable_class(name, blobs):
    X, y = blobs(spread=0.3)
    head = head_class(name)().fit(X, y[::-1].copy())
    np.testing.assert_array_equal(head.predict(X), head.classes_[head.predict_proba(X).argmax(1)])


def test_same_seed_same_state(name, blobs):
    X, y = blobs()
    first, second = (head_class(name)().fit(X, y).state() for _ in range(2))
    assert first[1] == second[1]
    for key in first[0]:
        np.testing.assert_array_equal(first[0][key], second[0][key])


def test_chunks_do_not_change_the_answer(name, blobs):
    X, y = blobs()
    head = head_class(name)().fit(X, y)
    many = np.tile(X, (CHUNK // len(X) + 2, 1)).astype(np.float64)
    proba = head.predict_proba(many)
    assert len(many) > CHUNK
    np.testing.assert_allclose(proba[CHUNK - 5 : CHUNK + 5], head.predict_proba(many[CHUNK - 5 : CHUNK + 5]))


@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (2, 2, 1), (12, 1, 1)])
def test_classes_of_one_or_two_images(name, sizes, blobs):
    X, _ = blobs(n=sum(sizes), d=40)
    y = np.repeat(np.arange(len(sizes)), sizes)
    X[np.arange(len(y)), y] += 30
    head = head_class(name)().fit(X, y)
    proba = head.predict_proba(X)
    assert np.isfinite(np.log(proba)).all()
    np.testing.assert_allclose(proba.sum(1), 1)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_features_that_are_all_alike(name, value):
    X, y = np.full((20, 8), value, np.float32), np.arange(20) % 2
    np.testing.assert_allclose(head_class(name)().fit(X, y).predict_proba(X), 0.5, atol=0.1)


def test_one_class_is_refused(name, blobs):
    X, _ = blobs()
    with pytest.raises(ValueError, match="2 classes or more, but y has only one class, 'cat'"):
        head_class(name)().fit(X, ["cat"] * len(X))


def test_copies_in_one_group_do_not_make_the_head_surer(name, blobs):
    # Labels are noise and every example comes twice: a head whose choices let copies straddle
    # finds that it is always right.
    X, _ = blobs(n=80, spread=0)
    y = np.random.default_rng(1).integers(0, 2, 80)
    X, y, groups = np.repeat(X, 2, axis=0), np.repeat(y, 2), np.repeat(np.arange(80), 2)
    new, _ = blobs(n=200, spread=0, seed=9)
    sure = {
        kind: head_class(name)().fit(X, y, groups=g).predict_proba(new).max(1).mean()
        for kind, g in (("grouped", groups), ("straddling", None))
    }
    assert sure["grouped"] < 0.75
    assert sure["grouped"] < sure["straddling"]


def test_groups_must_be_as_many_as_examples(name, blobs):
    X, y = blobs()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        head_class(name)().fit(X, y, groups=[1, 2])
