"""Paired comparison: against published examples, a count of coin tosses, and simulation."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.evaluation.significance import mcnemar, paired_gain


def rights(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, neither])
    order = np.random.default_rng(0).permutation(len(a))
    return a[order], b[order]


@pytest.mark.parametrize(
    ("table", "gain", "interval"),
    [
        # Newcombe 1998, the table 36, 12, 2, 0.
        ((36, 12, 2, 0), 0.2, (0.0569, 0.3404)),
        # Fagerland, Lydersen and Laake, "Statistical Analysis of Contingency Tables", chapter 8.
        ((1, 1, 7, 12), -0.2857, (-0.5069, -0.0256)),
        ((59, 6, 16, 80), -0.0621, (-0.1186, -0.0046)),
    ],
)
def test_published_intervals(table: tuple[int, int, int, int], gain: float, interval: tuple[float, float]) -> None:
    found, (low, high) = paired_gain(*rights(*table))
    assert (round(found, 4), round(low, 4), round(high, 4)) == (gain, *interval)


def test_swapping_the_two_turns_the_sign() -> None:
    a, b = rights(30, 9, 4, 7)
    gain, (low, high) = paired_gain(a, b)
    other, (other_low, other_high) = paired_gain(b, a)
    assert other == -gain
    assert (other_low, other_high) == pytest.approx((-high, -low))
    assert mcnemar(a, b) == mcnemar(b, a)


def test_every_small_table_is_sane() -> None:
    for table in product(range(4), repeat=4):
        if sum(table) == 0:
            continue
        a, b = rights(*table)
        gain, (low, high) = paired_gain(a, b)
        assert gain == pytest.approx(a.mean() - b.mean())
        assert -1 <= low <= gain <= high <= 1
        assert low < high


def test_no_image_tells_them_apart() -> None:
    everything = np.ones(200, bool)
    gain, (low, high) = paired_gain(everything, everything)
    assert gain == 0
    assert low == -high
    assert 0 < high < 0.03
    assert mcnemar(everything, everything) == 1
    gain, (low, high) = paired_gain([True], [False])
    assert gain == 1
    assert low < 0.2, "one image proves nothing"
    assert mcnemar([True], [False]) == 1


def test_interval_covers_the_true_gain_about_95_times_of_100() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(2000):
        drawn = rng.choice(4, 120, p=[0.75, 0.12, 0.05, 0.08])
        _, (low, high) = paired_gain(drawn < 2, (drawn == 0) | (drawn == 2))
        covered += low <= 0.07 <= high
    assert 0.935 < covered / 2000 < 0.98


@pytest.mark.parametrize(("only_a", "only_b"), [(6, 16), (0, 5), (1, 7), (4, 4), (10, 11)])
def test_p_value_is_the_coins(only_a: int, only_b: int) -> None:
    n, least = only_a + only_b, min(only_a, only_b)
    tail = sum(comb(n, k) for k in range(least + 1)) / 2**n
    assert mcnemar(*rights(50, only_a, only_b, 3)) == pytest.approx(min(1.0, 2 * tail))


@pytest.mark.parametrize("other", [[True], [[True, True]], [1, 0], []])
def test_what_is_not_about_the_same_images_is_refused(other: list[bool]) -> None:
    for function in (mcnemar, paired_gain):
        with pytest.raises(DataError, match="must be compared by bool arrays of one shape"):
            function([True, False], other)
