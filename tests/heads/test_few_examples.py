"""A head for a few examples: judged by leaving each out with all its views, where there is more than one of each."""

import numpy as np
import pytest

from regraft.heads.few_examples import LOGISTIC_UP_TO, select_for_few
from regraft.request import FEW


def test_each_example_is_judged_by_a_head_without_any_view_of_it(blobs):
    X, y = blobs(n=30, d=40, spread=2)
    few = select_for_few(X, y, {"mirror": X + 0.01}, FEW)
    assert few.selection.held_out_index.tolist() == list(range(30))
    assert {candidate.name for candidate in few.selection.candidates} == set(FEW)
    noise, coin = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32), np.arange(30) % 2
    # A copy among the examples would give each of them away.
    accuracy = [c.accuracy for c in select_for_few(noise, coin, {"mirror": noise}, FEW).selection.candidates]
    assert max(accuracy) < 0.75


def test_views_that_contradict_the_labels_are_left_out(blobs):
    X, y = blobs(n=24, d=40, k=2, spread=4)
    swapped = X[np.argsort(y == y[0], kind="stable")]
    swapped[y == 0], swapped[y == 1] = X[y == 1], X[y == 0]
    assert select_for_few(X, y, {"mirror": swapped, "framing": X}, FEW).views == ("framing",)
    assert select_for_few(X, y, {"mirror": X, "framing": X}, FEW).views == ("mirror", "framing")


def test_one_example_of_each_class_leaves_nothing_to_judge_by(blobs):
    X, y = blobs(n=3, spread=9)
    few = select_for_few(X, y, {"mirror": X, "framing": X}, FEW)
    assert (few.selection.name, few.views) == ("prototype", ("framing",))
    assert few.selection.candidates == ()
    assert few.selection.held_out_proba.shape == (0, 3)
    assert few.selection.head.predict(X).tolist() == y.tolist()


def test_lone_examples_teach_but_do_not_judge(blobs):
    X, y = blobs(n=12, spread=3)
    rows = np.flatnonzero((y != 2) | (np.arange(12) == 2))
    few = select_for_few(X[rows], y[rows], {}, FEW)
    assert 2 not in y[rows][few.selection.held_out_index]
    assert few.selection.held_out_proba.shape == (len(rows) - 1, 3)


def test_the_head_that_is_named_is_taken(blobs):
    X, y = blobs(n=30)
    assert select_for_few(X, y, {}, {"knn": {}}).selection.name == "knn"


def test_of_many_examples_logistic_regression_is_not_left_out_one_by_one(blobs):
    X, y = blobs(n=LOGISTIC_UP_TO + 2, k=2)
    names = [candidate.name for candidate in select_for_few(X, y, {}, FEW).selection.candidates]
    assert names == ["prototype", "centroid"]


@pytest.mark.parametrize("each", [1, 4])
def test_scores_that_the_source_had_already_are_taken_where_they_are_right(each):
    random = np.random.default_rng(0)
    rows = random.normal(size=(5, 60)).astype(np.float32)
    y = np.repeat(np.arange(5), each)
    X = (0.7 * rows[y] + random.normal(size=(len(y), 60)) * 1.2).astype(np.float32)
    good = {"coef": rows, "intercept": np.zeros(5)}
    bad = {"coef": rows[::-1].copy(), "intercept": np.zeros(5)}
    priors = {"good": good, "bad": bad}
    chosen = {name: select_for_few(X, y, {}, {**FEW, "source": prior}) for name, prior in priors.items()}
    assert chosen["good"].selection.name == "source"
    assert chosen["bad"].selection.name != "source"
    if each > 1:
        assert {c.name for c in chosen["bad"].selection.candidates} == {*FEW, "source"}


def test_examples_of_one_group_are_left_out_together():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(12, 50)).astype(np.float32), np.arange(12) % 2
    X, y, groups = np.concatenate([X, X + 0.01]), np.tile(y, 2), np.tile(np.arange(12), 2)
    names = {"prototype": {}, "centroid": {}}
    alone, together = (select_for_few(X, y, {}, names, groups=g).selection for g in (None, groups))
    assert min(candidate.accuracy for candidate in alone.candidates) > 0.9  # each has its double among the others
    assert max(candidate.accuracy for candidate in together.candidates) < 0.8


def test_a_class_of_one_group_does_not_judge(blobs):
    X, y = blobs(n=12, spread=3)
    groups = np.where(y == 2, 99, np.arange(12))
    few = select_for_few(X, y, {}, FEW, groups=groups)
    assert 2 not in y[few.selection.held_out_index]
