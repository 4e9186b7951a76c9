import pytest
from scipy.stats import binomtest

from regraft.errors import DataError
from regraft.evaluation.intervals import wilson


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (7, 9), (499, 1000)])
def test_agrees_with_scipy(successes, n, level):
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_bounds_are_exact_at_the_ends():
    assert wilson(0, 37)[0] == 0.0
    assert wilson(37, 37)[1] == 1.0


def test_default_level_is_95_percent():
    assert wilson(8, 10) == wilson(8, 10, 0.95)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "n must be at least 1 for an interval, got 0"),
        ((-1, 5), "successes must be between 0 and n = 5, got -1"),
        ((6, 5), "successes must be between 0 and n = 5, got 6"),
        ((1, 5, 1.0), "level must be between 0 and 1, got 1.0"),
        ((1, 5, 95), "level must be between 0 and 1, got 95"),
    ],
)
def test_refuses_impossible_counts(arguments, message):
    with pytest.raises(DataError, match=message):
        wilson(*arguments)
