import warnings

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset
from regraft.data.splits import check_no_group_straddles, folds, part_of, settle, split, without_split
from regraft.errors import DataError, UsageError


def dataset_of(y, groups=None):
    y = np.asarray(y)
    return Dataset(
        examples=[b""] * len(y),
        names=tuple(str(i) for i in range(len(y))),
        labels={TASK: y},
        classes={TASK: tuple("abcdefghij"[: y.max() + 1])},
        groups=None if groups is None else np.asarray(groups, dtype=str),
    )


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    ("name", "part"),
    [("TRAIN", "train"), ("training_set", "train"), ("Valid", "val"), ("validation set", "val"), ("dev", "val"),
     ("testing-set", "test"), ("test1", "test"), ("trained", None), ("cats", None)],
)  # fmt: skip
def test_part_of(name, part):
    assert part_of(name) == part


def test_settle():
    assert settle(["train", "train"]) == (None, None)
    kept, note = settle(["train", "val", "test"])
    assert (kept.tolist(), note) == (["train", "val", "test"], None)
    moved, note = settle(["train", "val"], {"val": "val/"})
    assert moved.tolist() == ["train", "test"]
    assert note.startswith("train, val/: val/ is the only evaluation part, so it is the test")
    with pytest.raises(DataError, match="there is no training part, only val and test"):
        settle(["val", "test"])


def test_without_its_split_a_dataset_has_no_word_of_it():
    parts, note = settle(["train", "train", "val"])
    read = dataset_of([0, 1, 0]).with_split(parts, note).with_split(parts, "labels are in column 'label'")
    whole = without_split(read)
    assert (whole.split, whole.notes) == (None, ("labels are in column 'label'",))
    assert len(whole) == 3


def test_split_is_stratified_and_keeps_every_class_in_train():
    made = split(dataset_of([0] * 50 + [1] * 30 + [2] * 2 + [3]), test_size=0.2, seed=0)
    test = np.bincount(made.y[made.part("test")], minlength=4)
    assert test[:2].tolist() == [10, 6]
    assert test[2] in (0, 1)
    assert test[3] == 0
    assert set(made.y[made.part("train")]) == {0, 1, 2, 3}
    assert "17 of 83 images are set aside as the test (stratified by class)" in made.notes[-1]
    assert "not tested, for want of images: " in made.notes[-1]
    assert made.notes[-1].endswith("d")


def test_split_repeats_with_its_seed_only():
    data = dataset_of([0] * 50 + [1] * 50)
    assert split(data, seed=3).split.tolist() == split(data, seed=3).split.tolist()
    assert split(data, seed=3).split.tolist() != split(data, seed=4).split.tolist()


def test_split_tests_something_however_small_the_data():
    assert len(split(dataset_of([0, 0, 1]), test_size=0.1).part("test")) == 1


def test_split_never_takes_the_last_of_a_class():
    made = split(dataset_of([0, 0, 0, 1, 1, 2]), test_size=0.9)
    assert sorted(made.y[made.part("train")].tolist()) == [0, 1, 2]


def test_split_keeps_groups_whole():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 20, 200)
    made = split(dataset_of(rng.integers(0, 3, 200), groups), test_size=0.2, seed=1)
    assert not set(made.groups[made.part("test")]) & set(made.groups[made.part("train")])
    assert 20 <= len(made.part("test")) <= 60
    assert "groups kept whole" in made.notes[-1]
    check_no_group_straddles(made)


@pytest.mark.parametrize("test_size", [0, 1, -0.5, 20])
def test_split_refuses_other_sizes(test_size):
    with pytest.raises(UsageError, match="test_size must lie between 0 and 1"):
        split(dataset_of([0, 0, 1, 1]), test_size=test_size)


def test_nothing_to_split_is_refused():
    with pytest.raises(DataError, match="no class has two examples"):
        split(dataset_of([0, 1, 2]))
    with pytest.raises(DataError, match="no class has two examples"):
        folds(np.array([0, 1, 2]), None, 5, 0)
    with pytest.raises(DataError, match="no class has two groups"):
        folds(np.array([0, 0, 1, 1]), np.array(["g", "g", "h", "h"]), 5, 0)


def test_folds_need_two():
    with pytest.raises(UsageError, match="n_splits must be 2 or more, and is 1"):
        folds(np.array([0, 0, 1, 1]), None, 1, 0)


def test_folds_partition_what_can_be_tested():
    y = np.array([0] * 11 + [1] * 7 + [2] * 3 + [3] * 2 + [4])
    made = folds(y, None, 5, 0)
    assert len(made) == 5
    tested = np.concatenate([test for _, test in made])
    assert sorted(tested) == [i for i in range(len(y)) if y[i] != 4]
    for train, test in made:
        assert sorted([*train, *test]) == list(range(len(y)))
        assert set(y[train]) == set(y)
        assert abs(np.sum(y[test] == 0) - 2.2) < 1


def test_folds_repeat_with_their_seed_only():
    y = np.array([0, 1] * 20)
    tests = [[test.tolist() for _, test in folds(y, None, 4, seed)] for seed in (5, 5, 6)]
    assert tests[0] == tests[1] != tests[2]


def test_folds_of_any_groups_keep_groups_whole_and_classes_learnt():
    rng = np.random.default_rng(0)
    for _ in range(150):
        n = int(rng.integers(4, 20))
        y = np.unique(rng.integers(0, 4, n), return_inverse=True)[1]
        groups = rng.integers(0, int(rng.integers(3, 9)), n).astype(str)
        alone = {groups[y == c][0] for c in y if len(set(groups[y == c])) == 1}
        if alone == set(groups):  # no group can be spared
            with pytest.raises(DataError, match="no class has two groups"):
                folds(y, groups, 4, 0)
            continue
        for train, test in folds(y, groups, 4, 0):
            assert sorted([*train, *test]) == list(range(n))
            assert not set(groups[train]) & set(groups[test])
            assert set(y[train]) == set(y)
            assert len(test)


def test_folds_where_one_group_can_move():
    y, groups = np.array([0, 0, 1, 0]), np.array(["g", "h", "h", "h"])
    assert [test.tolist() for _, test in folds(y, groups, 5, 0)] == [[0]]


def test_straddling_groups_are_refused():
    data = dataset_of([0, 1, 0], groups=["g", "h", "g"])
    check_no_group_straddles(data)
    with pytest.raises(DataError, match="group 'g' is in both train and test"):
        check_no_group_straddles(data.with_split(["train", "train", "test"]))
