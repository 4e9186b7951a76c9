from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error as reference_mae
from sklearn.metrics import r2_score

from regraft.errors import DataError
from regraft.multitask.kinds.numbers import Numbers, mean_absolute_error, r2, spread_of


def test_cells_become_numbers() -> None:
    task = Numbers().read("weight", ["1.5", "", "-2e3"])
    assert task.values[task.known].tolist() == [1.5, -2000.0] and task.known.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1", "heavy"], "column 'weight' must hold numbers, but one cell is 'heavy'"),
        (["1", "inf"], "column 'weight' must hold numbers, but one cell is 'inf'"),
        (["2", "2.0", ""], "column 'weight' has the same number, 2, in every row"),
    ],
)
def test_what_is_no_number_or_never_varies_is_refused(cells: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Numbers().read("weight", cells)


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, said = rng.normal(size=40), rng.normal(size=40)
    assert mean_absolute_error(truth, said) == pytest.approx(reference_mae(truth, said))
    assert r2(truth, said) == pytest.approx(r2_score(truth, said))
    assert r2(np.ones(3), np.ones(3)) == 0


def test_a_linear_map_is_learnt_in_the_numbers_own_unit() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(5, 2, (120, 8)).astype(np.float32)
    truth = X @ np.arange(8) * 100 + 1e4
    coef, intercept = Numbers().fit(X, truth, 0, 0)
    assert r2(truth, Numbers().answers(X @ coef.T + intercept)) > 0.99


def test_one_who_sees_nothing_says_the_mean() -> None:
    truth = np.array([1.0, 2.0, 6.0])
    prior = Numbers().prior(truth, 0)
    assert prior.tolist() == [3.0]
    assert Numbers().losses(np.repeat(prior[None], 3, axis=0), truth).mean() == pytest.approx(truth.var())
    assert Numbers().scale(truth[:, None], truth) == (1.0, 0.0)
    assert Numbers().answer(np.float64(2.5), ()) == (2.5, {})


def test_features_that_hardly_vary_are_not_blown_up() -> None:
    X = np.random.default_rng(0).normal(0, [1.0, 2.0, 1e-9, 0.0], (200, 4))
    spread = spread_of(X)
    assert spread[:2] == pytest.approx(X[:, :2].std(axis=0))
    assert spread[2] == spread[3] > 0.1
    assert spread_of(np.zeros((5, 2))).tolist() == [1.0, 1.0]
