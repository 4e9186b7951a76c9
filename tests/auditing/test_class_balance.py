"""Counts, and what is missing where."""

from __future__ import annotations

from regraft.auditing.class_balance import class_balance


def test_counts_and_ratio(labelled) -> None:
    found = class_balance(labelled([0] * 30 + [1] * 12 + [2] * 4))
    assert found.counts == {"class 0": 30, "class 1": 12, "class 2": 4}
    assert (found.ratio, found.tiny, found.parts, found.missing) == (7.5, ("class 2",), {}, {})


def test_parts_that_lack_classes(labelled) -> None:
    split = ["train"] * 4 + ["test"] * 2 + ["train"] + ["test"]
    found = class_balance(labelled([0, 0, 1, 1, 0, 1, 2, 3], split))
    assert found.parts == {"train": 5, "test": 3}
    assert found.missing == {"train": ("class 3",), "test": ("class 2",)}
    assert found.to_dict()["missing"] == {"train": ["class 3"], "test": ["class 2"]}


def test_one_class_has_no_ratio(labelled) -> None:
    found = class_balance(labelled([0, 0, 0]))
    assert (found.ratio, found.tiny) == (None, ("class 0",))


def test_thousands_of_classes(labelled) -> None:
    found = class_balance(labelled(list(range(3000)) * 2))
    assert (len(found.counts), len(found.tiny), found.ratio) == (3000, 3000, 1.0)


def test_classes_without_images_are_left_out(labelled) -> None:
    assert class_balance(labelled([0, 0], k=3)).counts == {"class 0": 2}
