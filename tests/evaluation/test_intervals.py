import numpy as np
import pytest
from scipy.stats import binomtest

from regraft.errors import DataError
from regraft.evaluation.intervals import bootstrap, wilson


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


# --- bootstrap ------------------------------------------------------------------------------------


def test_the_bootstrap_agrees_with_a_formula_where_there_is_one() -> None:
    """With two classes of equal size balanced accuracy is a mean of two shares, whose error is known."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    right = rng.random(400) < 0.8
    p = np.where((np.arange(2) == np.where(right, y, 1 - y)[:, None]), 0.9, 0.1)
    found = bootstrap(y, p)
    shares = [right[y == c].mean() for c in (0, 1)]
    error = np.sqrt(sum(s * (1 - s) / 200 for s in shares)) / 2
    low, high = found["balanced_accuracy"]
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.12)
    assert low < np.mean(shares) < high
    losses = np.where(right, -np.log(0.9), -np.log(0.1))
    low, high = found["log_loss"]
    assert (high - low) / 2 == pytest.approx(1.96 * losses.std() / 20, rel=0.12)
    assert set(found) == {"balanced_accuracy", "macro_f1", "log_loss"}
    assert bootstrap(y, p) == found


def test_the_bootstrap_of_no_mistake_has_no_width() -> None:
    y = np.array([0, 1, 2, 2])
    found = bootstrap(y, np.eye(3)[y])
    assert found["macro_f1"] == found["balanced_accuracy"] == (1.0, 1.0)
