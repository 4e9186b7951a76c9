from dataclasses import replace

import numpy as np
import pytest

from regraft.adaptation.base import Known
from regraft.adaptation.network_data import held_out_of, joined
from regraft.data.sources import read_source


@pytest.fixture
def source():
    return read_source([f"text {i}" for i in range(20)], labels=["a", "b"] * 10)


def test_a_fifth_is_held_out_and_it_has_all_classes(source):
    train, held_out = held_out_of(source, 0)
    assert sorted([*train, *held_out]) == list(range(20))
    assert np.bincount(source.y[held_out]).tolist() == [2, 2]
    assert held_out_of(source, 1)[1].tolist() != held_out.tolist()


def test_groups_are_not_torn(source):
    groups = np.arange(20) // 4
    _, held_out = held_out_of(replace(source, groups=groups), 0)
    assert set(held_out) == set(np.flatnonzero(np.isin(groups, groups[held_out])))


def test_the_validation_part_is_what_is_held_out(source):
    split = np.array(["train"] * 15 + ["val"] * 3 + ["test"] * 2)
    train, held_out = held_out_of(source.with_split(split), 0)
    assert train.tolist() == list(range(15))
    assert held_out.tolist() == [15, 16, 17]


def test_where_nothing_can_be_held_out_all_is_learnt_from():
    train, held_out = held_out_of(read_source(["x", "y"], labels=["a", "b"]), 0)
    assert train.tolist() == [0, 1]
    assert len(held_out) == 0


def test_of_the_target_only_the_known_labels_are_there(source):
    target = source.take(np.arange(20) < 4)
    both = joined(source, target, Known(np.array([2]), np.array([1])))
    assert len(both) == 24
    assert both.y.tolist() == [*source.y, -1, -1, 1, -1]
    assert both.class_names == source.class_names
