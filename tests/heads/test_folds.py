import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.heads.folds import stratified_rows, train_test_pairs


def test_folds_are_stratified_and_hold_everyone_out_once():
    y = np.repeat([0, 1], [40, 10])
    pairs = train_test_pairs(y, 5)
    assert sorted(np.concatenate([test for _, test in pairs])) == list(range(50))
    assert all(np.bincount(y[test]).tolist() == [8, 2] for _, test in pairs)


def test_groups_do_not_straddle():
    y, groups = np.arange(60) % 3, np.repeat(np.arange(20), 3)
    for train, test in train_test_pairs(y, 5, groups):
        assert not set(groups[train]) & set(groups[test])


def test_seed_deals_differently_and_repeatably():
    y = np.arange(40) % 2
    first, same, other = (train_test_pairs(y, 4, seed=seed)[0][1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.filterwarnings("error")
def test_number_is_lowered_to_what_the_data_allow():
    assert len(train_test_pairs(np.array([0, 0, 0, 1]), 5)) == 3
    assert len(train_test_pairs(np.arange(20) % 2, 5, groups=np.arange(20) // 10)) == 2


def test_nothing_can_be_held_out():
    assert train_test_pairs(np.array([0, 1, 2]), 5) == []
    assert train_test_pairs(np.arange(20) % 2, 5, groups=np.zeros(20)) == []


def test_given_pairs_are_taken():
    [(train, test)] = train_test_pairs(np.arange(4) % 2, [([0, 1], [3])])
    assert (train.tolist(), test.tolist()) == ([0, 1], [3])


def test_one_fold_is_refused():
    with pytest.raises(UsageError, match="number of folds must be 2 or more, not 1"):
        train_test_pairs(np.arange(4) % 2, 1)


def test_stratified_rows_keep_every_class_in_its_proportion():
    y = np.repeat([0, 1, 2], [300, 99, 1])
    rows = stratified_rows(y, 40, seed=0)
    assert np.bincount(y[rows]).tolist() == [30, 10, 1]
    assert np.array_equal(rows, stratified_rows(y, 40, seed=0))
    assert not np.array_equal(rows, stratified_rows(y, 40, seed=1))
    assert stratified_rows(y, 400, seed=0).tolist() == list(range(400))
