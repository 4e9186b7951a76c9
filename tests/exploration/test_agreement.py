"""Clusters against labels."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.exploration.agreement import agreement, counts


def test_the_same_division_agrees_whatever_it_is_called() -> None:
    found = agreement(np.array([2, 2, 1, 1, 3]), ["a", "a", "b", "b", "c"])
    assert found is not None
    assert (found.ari, found.nmi, found.n, found.classes) == (1.0, pytest.approx(1.0), 5, 3)


def test_values_by_hand() -> None:
    # Pairs together: in both 1, in the clusters 3 + 1, in the classes 1 + 3, of 15; expected 16 / 15.
    found = agreement(np.array([1, 1, 1, 2, 2, 3]), ["a", "a", "b", "b", "c", "b"])
    assert found is not None
    together, expected = 1, 4 * 4 / 15
    assert found.ari == pytest.approx((together - expected) / (4 - expected))
    assert found.to_dict() == {"ari": found.ari, "nmi": found.nmi, "n": 6, "classes": 3}


def test_images_without_a_label_are_left_out() -> None:
    found = agreement(np.array([1, 1, 2, 2]), ["a", None, "b", "b"])
    assert found is not None
    assert (found.n, found.ari) == (3, 1.0)


@pytest.mark.parametrize("labels", [None, [None, None], ["a", "a"], ["a", None]])
def test_nothing_to_compare_with(labels) -> None:
    assert agreement(np.array([1, 2]), labels) is None


def test_counts_are_the_commonest_first() -> None:
    assert list(counts(["b", "a", "b", None, "c"], np.arange(5)).items()) == [("b", 2), ("a", 1), ("c", 1)]
    assert counts(None, np.arange(5)) == {}
