"""NCE by hand, and by loops over entropies."""

import math

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.transferability.nce import nce


def direct(source, y):
    entropy = 0.0
    for z in set(source):
        inside = [label for s, label in zip(source, y, strict=True) if s == z]
        for label in set(inside):
            share = inside.count(label) / len(inside)
            entropy -= len(inside) / len(y) * share * math.log(share)
    return -entropy


def test_labels_that_the_source_settles():
    assert nce([0, 1, 2, 0], [0, 1, 2, 0]) == 0
    assert nce([5, 3, 9, 5], ["a", "b", "a", "a"]) == 0


def test_by_hand():
    # Within source class 0 the labels are even, within 1 they are settled: half of the images have ln 2.
    assert nce([0, 0, 1, 1], ["a", "b", "b", "b"]) == pytest.approx(-math.log(2) / 2)
    # A source that says nothing leaves the labels' own entropy.
    assert nce([0, 0, 0, 0], ["a", "b", "c", "d"]) == pytest.approx(-math.log(4))


def test_the_order_of_the_arguments_matters():
    fine, coarse = [0, 1, 2, 3], [0, 0, 1, 1]
    assert nce(fine, coarse) == 0
    assert nce(coarse, fine) == pytest.approx(-math.log(2))


def test_by_loops():
    random = np.random.default_rng(0)
    source, y = random.integers(0, 20, 300), random.integers(0, 6, 300)
    assert nce(source, y) == pytest.approx(direct(source.tolist(), y.tolist()))


@pytest.mark.parametrize(
    ("source", "y", "words"),
    [
        ([0, 1], [0, 1, 0], r"one source label an image, but got \(2,\) for labels \(3,\)"),
        (np.zeros((2, 2)), [0, 1], r"but got \(2, 2\) for .* a network without source classes has no NCE"),
        ([0, 1], [1, 1], "two classes or more"),
    ],
)
def test_what_has_no_nce(source, y, words):
    with pytest.raises(DataError, match=words):
        nce(source, y)
