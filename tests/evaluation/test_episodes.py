"""Episodes: so many of each class, other ones each time, and an interval that covers the draw."""

import numpy as np
import pytest
from scipy.stats import t

from regraft.errors import DataError
from regraft.evaluation.episodes import check_shots, draw, mean_ci95

NAMES = ("a", "b", "c")


def test_each_class_gets_as_many_and_the_draws_differ() -> None:
    y = np.repeat([0, 1, 2], [5, 9, 30])
    random = np.random.default_rng(0)
    drawn = [draw(y, 4, random, class_names=NAMES) for _ in range(2)]
    assert all(np.bincount(y[support]).tolist() == [4, 4, 4] for support in drawn)
    assert drawn[0].tolist() != drawn[1].tolist()
    assert drawn[0].tolist() == draw(y, 4, np.random.default_rng(0), class_names=NAMES).tolist()


def test_only_the_pool_is_drawn_from() -> None:
    y, pool = np.tile([0, 1], 10), np.arange(6)
    assert draw(y, 3, np.random.default_rng(0), class_names=("a", "b"), pool=pool).tolist() == list(range(6))


def test_more_than_a_class_has_is_refused_with_what_it_has() -> None:
    y = np.repeat([0, 1, 2], [5, 9, 30])
    pool = np.arange(44)
    check_shots(y, 5, class_names=NAMES, pool=pool)
    with pytest.raises(DataError, match=r"6 images a class must be at hand .* 'a' has 5; ask for 5 or fewer"):
        draw(y, 6, np.random.default_rng(0), class_names=NAMES)
    with pytest.raises(DataError, match=r"'a' has 5, of which one must be left to test on; ask for 4 or fewer"):
        check_shots(y, 5, class_names=NAMES, pool=pool, spare=1)


def test_the_interval_is_students_and_stays_a_share() -> None:
    values = [0.5, 0.6, 0.7, 0.9]
    mean, (low, high) = mean_ci95(values)
    expected = t.interval(0.95, 3, loc=np.mean(values), scale=np.std(values, ddof=1) / 2)
    assert mean == pytest.approx(0.675)
    assert (low, high) == pytest.approx(expected)
    assert mean_ci95([0.2, 1.0])[1] == (0.0, 1.0)
    with pytest.raises(DataError, match="An interval must have 2 episodes or more, not 1; raise --episodes"):
        mean_ci95([0.5])
