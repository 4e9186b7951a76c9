"""How the test is kept apart, what is said of it, and the data that do not allow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset, Skipped
from regraft.errors import DataError
from regraft.protocol import check_classes, check_skipped, describe, few_shots, settle_protocol, untouched


def dataset(y: list[int], **changes: object) -> Dataset:
    y_array = np.array(y, np.int64)
    classes = tuple("abcdefghijklmnop"[: max(y) + 1])
    names = tuple(f"{i}.jpg" for i in range(len(y)))
    return replace(Dataset(names, names, {TASK: y_array}, {TASK: classes}), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "test_size", "expected"), [(150, 0.2, "holdout"), (144, 0.2, "cross-validation")])
def test_fewer_than_thirty_test_images_are_cross_validated(n: int, test_size: float, expected: str) -> None:
    split, protocol = settle_protocol(dataset([0, 1] * (n // 2)), test_size, seed=0)
    assert protocol == expected
    assert len(split.part("test")) == (30 if protocol == "holdout" else 0)


def test_the_same_seed_gives_the_same_split() -> None:
    data = dataset([0, 1] * 100)
    parts = [settle_protocol(data, 0.2, seed)[0].split for seed in (3, 3, 4)]
    assert parts[0] is not None and parts[1] is not None and parts[2] is not None
    assert parts[0].tolist() == parts[1].tolist() != parts[2].tolist()


def test_the_data_s_own_split_is_respected_however_small() -> None:
    own = dataset([0, 1, 0, 1]).with_split(["train", "train", "test", "val"])
    assert settle_protocol(own, 0.2, 0) == (own, "given")


def test_a_group_on_both_sides_is_refused() -> None:
    own = dataset([0, 1, 0, 1], groups=np.array(list("xyxz"))).with_split(["train", "train", "test", "test"])
    with pytest.raises(DataError, match="group 'x' is in both train and test"):
        settle_protocol(own, 0.2, 0)


def test_groups_are_kept_whole() -> None:
    groups = np.repeat([f"g{i}" for i in range(40)], 10)
    split, protocol = settle_protocol(dataset([0, 1] * 200, groups=groups), 0.2, 0)
    assert protocol == "holdout"
    assert not set(groups[split.part("train")]) & set(groups[split.part("test")])


def test_what_was_inferred_is_said() -> None:
    own = dataset([0, 1, 1, 1], notes=("a note",)).with_split(["train", "train", "train", "test"])
    assert describe(own, "given") == [
        "4 images in 2 classes: b 3, a 1.",
        "Split: 3 train, 1 test (your own).",
        "Note: a note.",
    ]
    assert describe(own, "holdout")[1] == "Split: 3 train, 1 test."
    assert "cross-validation in 5 folds" in describe(dataset([0, 1]), "cross-validation")[1]
    assert describe(dataset(list(range(15))), "cross-validation")[0].endswith("l 1, and 3 more.")


def test_up_to_five_in_a_hundred_may_be_unusable() -> None:
    five = tuple(Skipped(f"{i}.jpg", "empty (0 bytes)") for i in range(5))
    check_skipped(100, five, allowed=False)
    check_skipped(5, five, allowed=True)
    with pytest.raises(
        DataError, match=r"At most 5% .*, but 5 of 99 are \(0\.jpg: empty \(0 bytes\); 1\.jpg.*--skip-un"
    ):
        check_skipped(99, five, allowed=False)


def test_data_that_teach_nothing_are_refused() -> None:
    check_classes(dataset([0, 1]))
    with pytest.raises(DataError, match=r"but there are 2 readable images of 1, only 'a'; add images of another class"):
        check_classes(dataset([0, 0]))
    with pytest.raises(DataError, match="there are 0 readable images of 0; add"):
        check_classes(dataset([0, 1]).take(np.zeros(2, bool)))
    with pytest.raises(DataError, match="must have a readable training image, but b has none"):
        check_classes(dataset([0, 1, 0, 1]).with_split(["train", "test", "train", "test"]))
    with pytest.raises(DataError, match="but b has none"):
        check_classes(dataset([0, 1, 2]).take([0, 2]))
    with pytest.raises(DataError, match="The test part must have a readable example, but has none"):
        check_classes(dataset([0, 1, 0]).with_split(["train", "train", "val"]))


def test_a_few_of_each_class_are_learnt_from_and_all_others_tested() -> None:
    data, protocol = few_shots(dataset([0] * 9 + [1] * 21), 3, seed=0)
    assert protocol == "holdout"
    assert np.bincount(data.y[data.part("train")]).tolist() == [3, 3]
    assert (len(data.part("test")), len(data.part("val"))) == (24, 0)
    assert data.notes == ("3 images of each class were drawn to learn from, and 24 others are the test",)
    drawn = [few_shots(dataset([0, 1] * 30), 3, seed)[0].part("train").tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_few_are_drawn_from_train_where_the_data_have_a_split() -> None:
    own = dataset([0, 1] * 6).with_split(["train"] * 6 + ["val"] * 2 + ["test"] * 4)
    data, protocol = few_shots(own, 2, seed=0)
    assert protocol == "given"
    assert set(data.names) <= {f"{i}.jpg" for i in (0, 1, 2, 3, 4, 5, 8, 9, 10, 11)}
    assert (len(data.part("train")), len(data.part("test"))) == (4, 4)
    with pytest.raises(DataError, match="'a' has 3; ask for 3 or fewer"):
        few_shots(own, 4, seed=0)


def test_no_group_is_learnt_from_and_tested() -> None:
    grouped = dataset([0, 1] * 6, groups=np.repeat(["g", "h", "i"], 4))
    tested = untouched(grouped, np.array([0, 5]))
    assert tested.tolist() == [8, 9, 10, 11]
    with pytest.raises(
        DataError, match="Some images must be left to test on, but all are of groups that are learnt from; ask"
    ):
        untouched(grouped, np.array([0, 4, 8]))


def test_one_image_must_be_left_to_test_on() -> None:
    with pytest.raises(DataError, match="'a' has 3, of which one must be left to test on; ask for 2 or fewer"):
        few_shots(dataset([0] * 3 + [1] * 9), 3, seed=0)
