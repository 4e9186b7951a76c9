"""Related neighbours make random folds easier than consecutive ones; nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from regraft.auditing.order import LIMIT, PENALTY, _Probe, _shuffled, blocks, order


@pytest.fixture
def related(labelled):
    """Return 600 examples in 60 runs of ten that look alike, each run of one class; no class has a look of its own."""
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 60), 10)
    # One example of the other class in each run, so that the labels alternate as a table's do.
    y[::10] = 1 - y[::10]
    runs = np.repeat(rng.normal(size=(60, 100)), 10, axis=0)
    return labelled(y), (runs + 0.3 * rng.normal(size=runs.shape)).astype(np.float32)


def test_related_neighbours_are_found(related) -> None:
    dataset, values = related
    found = order(dataset, values)
    assert found.related
    assert found.random > 0.8 > 0.65 > found.blocks
    assert found.gap == pytest.approx(found.random - found.blocks)
    assert found.gap_ci95[0] < found.gap < found.gap_ci95[1]
    assert found.random_ci95[0] < found.random < found.random_ci95[1]
    assert (found.n, found.reason) == (600, None)


def test_the_same_examples_shuffled_are_sound(related) -> None:
    dataset, values = related
    mixed = np.random.default_rng(1).permutation(600)
    found = order(dataset.take(mixed), values[mixed])
    assert not found.related
    assert abs(found.gap) < 0.05


def test_a_drift_of_the_classes_alone_is_no_relation(labelled, separable) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(600) < np.linspace(0.05, 0.95, 600)).astype(int)
    assert not order(labelled(y), separable(y, noise=3.0)).related


def test_class_folders_are_ordered_by_file_name(labelled, separable) -> None:
    y = np.repeat([0, 1, 2], [30, 20, 10])
    names = [f"{'train' if i % 2 else 'test'}/{c}/img{i}.png" for c in range(3) for i in range(1, [31, 21, 11][c])]
    found = blocks(labelled(y, names=names), 5)
    assert found[:6].tolist() == ["block 0"] * 6  # 1 to 6, though img10 comes before img2 by letters
    assert found[24:30].tolist() == ["block 4"] * 6
    for c in range(3):
        assert len(set(found[y == c])) == 5
    assert found[50:].tolist() == [f"block {i // 2}" for i in range(10)]


def test_a_few_wrong_labels_do_not_hide_that_classes_are_sorted(labelled, separable) -> None:
    truth = np.repeat(np.arange(5), 100)
    y = truth.copy()
    y[::20] = (y[::20] + 1) % 5
    found = blocks(labelled(y), 5)
    for c in range(5):
        assert len(set(found[y == c])) == 5
    assert not order(labelled(y), separable(truth)).related


def test_tables_are_ordered_by_row(labelled) -> None:
    y = np.random.default_rng(0).integers(0, 3, 100)
    found = blocks(labelled(y, names=[f"{999 - i}.png" for i in range(100)]), 20)
    assert found.tolist() == [f"block {i // 5:02}" for i in range(100)]
    assert found.dtype.kind == "U"


def test_more_blocks_than_examples(labelled) -> None:
    assert blocks(labelled([0, 1, 0]), 10).tolist() == ["block 0", "block 0", "block 5"]


def test_the_closed_form_is_a_ridge_regression_a_fold() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    values = rng.normal(size=(60, 8)).astype(np.float32) + np.eye(8)[y].astype(np.float32)
    fold = np.arange(60) % 4
    found = _Probe(values, y).right(fold)
    centred = values - values.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    with_one = np.hstack([centred, np.ones((60, 1))]).astype(np.float64)  # the intercept is penalised alike
    for held in range(4):
        ridge = Ridge(alpha=PENALTY, fit_intercept=False).fit(with_one[fold != held], np.eye(3)[y[fold != held]])
        said = ridge.predict(with_one[fold == held]).argmax(axis=1)
        np.testing.assert_array_equal(found[fold == held], said == y[fold == held])


def test_random_folds_have_the_classes_of_the_blocks() -> None:
    y = np.random.default_rng(0).integers(0, 4, 200)
    fold = np.arange(200) * 5 // 200
    dealt = _shuffled(fold, y, 0)
    assert (dealt != fold).any()
    for held in range(5):
        np.testing.assert_array_equal(
            np.bincount(y[dealt == held], minlength=4), np.bincount(y[fold == held], minlength=4)
        )


def test_of_many_examples_whole_stretches_are_taken(labelled, separable, monkeypatch) -> None:
    taken = []
    monkeypatch.setattr(
        "regraft.auditing.order._Probe", lambda values, y: taken.append(values[:, 0].astype(int)) or _Probe(values, y)
    )
    y = np.random.default_rng(0).integers(0, 2, 2 * LIMIT)
    values = separable(y)
    values[:, 0] = np.arange(len(y))
    found = order(labelled(y), values)
    [rows] = taken
    assert LIMIT * 0.95 <= found.n == len(rows) <= LIMIT * 1.05
    assert np.mean(np.diff(rows) == 1) > 0.9
    assert rows[-1] > 1.9 * LIMIT


@pytest.mark.parametrize(
    ("y", "same", "reason"),
    [
        ([0, 1] * 20, False, "the order of the data is judged from 50 images on, not by 40"),
        ([0] * 80, False, "the order of the data is judged by telling classes apart, and there is one"),
        ([0, 1] * 40, True, "the order of the data is judged by features, and they are all the same"),
    ],
    ids=["few", "one class", "one picture"],
)
def test_what_cannot_be_measured_says_why(labelled, y, same, reason) -> None:
    values = np.random.default_rng(0).normal(size=(len(y), 8)).astype(np.float32)
    found = order(labelled(y), values[:1].repeat(len(y), axis=0) if same else values)
    assert (found.reason, found.random, found.gap, found.related) == (reason, None, None, False)
