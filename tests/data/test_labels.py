import numpy as np
import pytest

from regraft.data.labels import as_text, class_order, labelled
from regraft.errors import DataError


def test_labels_become_text():
    assert as_text([1.0, 2.0, float("nan"), None]) == ["1", "2", "", ""]
    assert as_text([0.5, 1.0]) == ["0.5", "1.0"]
    assert as_text([b"cat", " dog "]) == ["cat", "dog"]
    assert as_text(np.array([3, 4])) == ["3", "4"]
    assert as_text(["007", "7"]) == ["007", "7"]


def test_classes_are_sorted_by_number_only_if_all_are_integers():
    assert class_order(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert class_order(["10", "9", "b"]) == ("10", "9", "b")


def test_images_without_label_are_skipped_and_unused_classes_noted():
    dataset = labelled(list("abc"), list("abc"), ["x", "", "y"], classes=["y", "z", "x"])
    assert dataset.names == ("a", "c")
    assert dataset.class_names == ("y", "x")
    assert dataset.y.tolist() == [1, 0]
    assert [(s.name, s.reason) for s in dataset.skipped] == [("b", "empty label")]
    assert dataset.notes == ("no image has the class z: it is left out",)


def test_a_dataset_without_labels_is_refused():
    with pytest.raises(DataError, match="no labelled image left: 1 were skipped, the first, a, for: empty label"):
        labelled(["a"], ["a"], [""])


def test_one_class_is_refused():
    with pytest.raises(DataError, match="has only one class, 'x', and at least two are needed"):
        labelled(list("ab"), list("ab"), ["x", "x"])


def test_a_class_that_is_tested_and_never_learnt_is_refused():
    with pytest.raises(DataError, match="test has the class 'z', of which train has no image"):
        labelled(list("abc"), list("abc"), ["x", "y", "z"], split=["train", "train", "test"])


def test_groups_that_straddle_the_split_are_refused():
    with pytest.raises(DataError, match="group 'g' is in both train and test"):
        labelled(list("abc"), list("abc"), ["x", "y", "y"], split=["train", "train", "test"], groups=["h", "g", "g"])
