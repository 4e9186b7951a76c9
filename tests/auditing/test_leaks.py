"""A leak is an evaluated image with a copy in the training part."""

from __future__ import annotations

import numpy as np

from regraft.auditing.findings import Group
from regraft.auditing.leaks import leaks


def group(kind, *positions):
    return Group(kind, positions, tuple(f"{i}.png" for i in positions), tuple("ab"[i % 2] for i in positions))


SPLIT = np.array(["train", "train", "train", "val", "test", "test"])


def test_every_evaluated_member_with_a_training_copy_leaks() -> None:
    digests = ["x", "y", "z", "x", "x2", "y"]
    found = leaks([group("near", 0, 3, 4), group("exact", 1, 5)], SPLIT, digests)
    assert [(leak.kind, leak.part, leak.position, leak.copy) for leak in found] == [
        ("exact", "test", 5, 1),
        ("exact", "val", 3, 0),
        ("near", "test", 4, 0),
    ]
    assert found[0].to_dict() == {
        "kind": "exact",
        "part": "test",
        "image": "5.png",
        "train_image": "1.png",
        "label": "b",
        "train_label": "b",
        "position": 5,
        "train_position": 1,
    }


def test_the_training_copy_with_the_same_bytes_is_named() -> None:
    [leak] = leaks([group("near", 0, 1, 2, 4)], SPLIT, ["p", "q", "r", "", "q", ""])
    assert (leak.kind, leak.copy_name) == ("exact", "1.png")


def test_copies_on_one_side_leak_nothing() -> None:
    assert leaks([group("exact", 0, 1), group("exact", 4, 5), group("exact", 3, 4)], SPLIT, ["x"] * 6) == ()
    assert leaks([group("exact", 0, 4)], None, ["x"] * 6) == ()
