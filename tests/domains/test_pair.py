"""The two domains as they are given: told apart, and what is said where they do not fit each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.data.target import Target, target_of
from regraft.domains.pair import check_pair, draw_known, learnable, read_pair
from regraft.errors import DataError, UsageError

Make = Callable[..., Dataset]
NAMES = ("blue", "green", "red")


# Which is which


def test_source_and_target(day: Dataset, night: Dataset) -> None:
    source, target = read_pair(day, night)
    assert source is day
    assert (target.name, len(target)) == ("night", 24)
    np.testing.assert_array_equal(target.y, night.y)


def test_a_domain_of_the_source_is_the_target(make: Make) -> None:
    data = make(domain=np.array(["a", "b", "c"])[np.arange(30) % 3])
    source, target = read_pair(data, None, target_domain="b")
    assert source.domain is not None
    assert sorted(set(source.domain.tolist())) == ["a", "c"]
    assert (len(source), len(target), target.name) == (20, 10, "b")
    source, _ = read_pair(data, None, target_domain="b", source_domains=["c"])
    assert source.domain is not None
    assert set(source.domain.tolist()) == {"c"}


def test_some_domains_of_the_source_for_another_target(two_days: Dataset, night: Dataset) -> None:
    source, target = read_pair(two_days, night, source_domains=["tuesday"])
    assert (len(source), len(target)) == (15, 24)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "target"),
        ({"target": "night", "target_domain": "monday"}, "and not both"),
        ({"target_domain": "sunday"}, "--target-domain must be among the domains monday, tuesday, not 'sunday'"),
        ({"target_domain": "monday", "source_domains": ["x"]}, "--source-domains must be among the domains"),
        (
            {"target_domain": "monday", "source_domains": ["monday", "tuesday"]},
            "--target-domain must be none of --source-domains, but 'monday' is; leave it out",
        ),
    ],
)
def test_it_must_be_said_once_what_the_target_is(two_days: Dataset, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_pair(two_days, **{"target": None, **settings})


def test_the_source_s_own_test_part_is_left_aside(day: Dataset) -> None:
    split = np.where(np.arange(30) < 10, "test", np.where(np.arange(30) < 15, "val", "train"))
    found = learnable(day.with_split(split))
    assert found.names == day.names[10:]
    assert found.split is None
    assert found.notes == ("the source's own test part (10 images) is left aside",)


def test_a_source_of_one_class(make: Make) -> None:
    with pytest.raises(DataError, match="The source must have images of at least two classes, but has 1; add images"):
        learnable(make((10,)))
    data = make((10, 5))
    with pytest.raises(DataError, match="at least two classes"):  # the other is in the test part alone
        learnable(data.with_split(np.where(data.y == 1, "test", "train")))


# How they fit each other


def target(make: Make, counts: tuple[int, ...], classes: tuple[str, ...] = NAMES) -> Target:
    return target_of(make(counts, classes=classes, name="night"), NAMES)


def test_domains_that_fit_are_not_warned_about(day: Dataset, make: Make) -> None:
    assert check_pair(day, target(make, (5, 5, 5))) == []
    unlabelled = target(make, (5, 5, 5))
    assert check_pair(day, replace(unlabelled, labels=("",) * 15, y=np.full(15, -1))) == []


def test_no_shared_classes(day: Dataset, make: Make) -> None:
    with pytest.raises(
        DataError,
        match=r"Source and target must share classes, but the source has blue, green, red and the target .*pink",
    ):
        check_pair(day, target(make, (5, 5), ("pink", "grey")))


def test_open_set(day: Dataset, make: Make) -> None:
    [said] = check_pair(day, target(make, (5, 5, 5, 2, 1), (*NAMES, "pink", "grey")))
    assert said.startswith("Open set: the target has classes that the source lacks, ")
    assert "pink" in said and "grey" in said and "(3 images)" in said
    assert said.endswith("they are named as one of the source's, and are left out of every figure.")


def test_partial_set(day: Dataset, make: Make) -> None:
    [said] = check_pair(day, target(make, (5, 0, 5)))
    assert said.startswith("Partial set: the target has no images of green; ")


def test_open_and_partial_set(day: Dataset, make: Make) -> None:
    first, second = check_pair(day, target(make, (5, 0, 5, 2), (*NAMES, "pink")))
    assert first.startswith("Open set") and second.startswith("Partial set")


def test_all_of_one_class(day: Dataset, make: Make) -> None:
    [said] = check_pair(day, target(make, (0, 0, 9)))
    assert said == (
        "All labelled images of the target are of one class, 'red': the domains cannot be made alike, and accuracy is "
        "the share named so."
    )


@pytest.mark.parametrize(("counts", "warned"), [((20, 20, 20), False), ((21, 20, 20), True)])
def test_one_domain_far_smaller(make: Make, counts: tuple[int, ...], warned: bool) -> None:
    large, small = make(counts), make((2, 2, 2))
    for pair, which in (((large, small), "target"), ((small, large), "source")):
        said = check_pair(pair[0], target_of(pair[1], NAMES))
        expected = f"The {which} is far smaller (6 against 61 images): what is measured on it is uncertain."
        assert said == ([expected] if warned else [])


def test_too_few(day: Dataset, make: Make) -> None:
    with pytest.raises(DataError, match="The target must have 5 readable images or more, but has 4; add some"):
        check_pair(day, target(make, (2, 1, 1)))
    with pytest.raises(DataError, match="The source must have 5 readable images or more, but has 3"):
        check_pair(make((1, 1, 1)), target(make, (5, 5, 5)))


# Labels of the target that are learnt from


def test_so_many_of_each_class_are_drawn(make: Make) -> None:
    found = target(make, (8, 5, 4))
    known = draw_known(found, 3, NAMES, 0)
    assert np.bincount(found.y[known]).tolist() == [3, 3, 3]
    assert known.tolist() == sorted(set(known.tolist()))
    np.testing.assert_array_equal(known, draw_known(found, 3, NAMES, 0))
    assert known.tolist() != draw_known(found, 3, NAMES, 1).tolist()


def test_they_are_drawn_outside_the_test_part(make: Make) -> None:
    found = target(make, (8, 8, 8))
    tested = np.zeros(24, bool)
    for c in range(3):
        tested[np.flatnonzero(found.y == c)[:5]] = True
    found = replace(found, tested=tested)
    for seed in range(5):
        assert not tested[draw_known(found, 2, NAMES, seed)].any()
    assert draw_known(found, 3, NAMES, 0).tolist() == np.flatnonzero(~tested).tolist()  # all that may be drawn
    with pytest.raises(DataError, match=r"'blue' has 3 in the target and 4 were asked for; ask for 3 or fewer"):
        draw_known(found, 4, NAMES, 0)


def test_unknown_classes_are_not_drawn(make: Make) -> None:
    found = target(make, (4, 4, 4, 6), (*NAMES, "pink"))
    known = draw_known(found, 2, NAMES, 0)
    assert {found.labels[i] for i in known} == set(NAMES)


def test_some_of_each_class_must_be_left_to_measure(make: Make) -> None:
    found = target(make, (8, 8, 3))
    with pytest.raises(
        DataError,
        match=r"--target-labels must leave some of each class to be measured, but 'red' has 3 in the target and 3 were "
        r"asked for; ask for 2 or fewer\.",
    ):
        draw_known(found, 3, NAMES, 0)


@pytest.mark.parametrize("each", [0, -2])
def test_a_number_of_labels(make: Make, each: int) -> None:
    with pytest.raises(UsageError, match=f"--target-labels must be a number of labels a class from 1 up, not {each}"):
        draw_known(target(make, (5, 5, 5)), each, NAMES, 0)


def test_there_must_be_labels(make: Make) -> None:
    found = target(make, (5, 5, 5))
    for without in (replace(found, y=np.full(15, -1)), replace(found, tested=found.y >= 0, y=found.y * 0 - 1)):
        with pytest.raises(DataError, match="--target-labels must have labelled examples of the target to draw from"):
            draw_known(without, 1, NAMES, 0)
