from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from regraft.errors import DataError
from regraft.multitask.kinds import ordinal
from regraft.multitask.kinds.ordinal import Ordinal


def test_whole_numbers_become_rising_classes() -> None:
    task = Ordinal().read("grade", ["10", "2", "", "-1"])
    assert task.classes == ("-1", "2", "10") and task.values[task.known].tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1", "good"], "column 'grade' must hold whole numbers to be ordinal, but one cell is 'good'"),
        (["1", "1.5"], "column 'grade' must hold whole numbers to be ordinal, but one cell is '1.5'"),
        (["3", "3"], "column 'grade' has only one class, '3'"),
        ([str(i) for i in range(21)], "must have at most 20 different whole numbers to be ordinal, but has 21"),
    ],
)
def test_what_has_no_order_is_refused(cells: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Ordinal().read("grade", cells)


def test_probabilities_are_differences_and_the_median_is_said() -> None:
    logits = np.log(np.array([[0.2 / 0.8, 0.9 / 0.1]]))
    p = Ordinal().answers(logits)
    assert p[0].tolist() == pytest.approx([0.2, 0.7, 0.1])
    assert Ordinal().decide(p).tolist() == [1]
    # Half of the probability is at both ends: the middle errs least, though it is the least probable.
    assert Ordinal().decide(np.array([[0.45, 0.1, 0.45]])).tolist() == [1]


def test_measures() -> None:
    rng = np.random.default_rng(0)
    truth, p = rng.integers(0, 4, 80), rng.dirichlet(np.ones(4), 80)
    said = ordinal.median_class(p)
    assert ordinal.quadratic_kappa(truth, p) == pytest.approx(cohen_kappa_score(truth, said, weights="quadratic"))
    assert ordinal.mean_absolute_error(truth, p) == pytest.approx(np.abs(truth - said).mean())
    assert ordinal.accuracy(truth, p) == pytest.approx((truth == said).mean())
    assert ordinal.quadratic_kappa(np.zeros(3, int), np.eye(3)[[0, 0, 0]]) == 0


def test_the_gradient_is_that_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.optimize import check_grad

    errors = []

    def minimize(function: object, start: np.ndarray, **settings: object) -> object:
        point = start + np.random.default_rng(1).normal(0, 0.3, len(start))
        errors.append(check_grad(lambda x: function(x)[0], lambda x: function(x)[1], point))  # type: ignore[operator]
        return type("Found", (), {"x": start})

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    rng = np.random.default_rng(0)
    Ordinal()._minimize(rng.normal(size=(30, 4)), rng.integers(0, 4, 30), 4, 1.0)
    assert errors[0] < 1e-5


def test_thresholds_of_a_known_model_are_found() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3)).astype(np.float32)
    score = X @ np.array([2.0, -1.0, 0.0]) + rng.logistic(size=1500)
    truth = np.digitize(score, [-1.0, 1.5])
    coef, intercept = Ordinal().fit(X, truth, 3, 0)
    assert coef.shape == (2, 3) and np.array_equal(coef[0], coef[1])
    assert -coef[0] == pytest.approx([2, -1, 0], abs=0.2)
    assert intercept == pytest.approx([-1, 1.5], abs=0.2)


def test_the_prior_is_the_shares() -> None:
    p = Ordinal().answers(Ordinal().prior(np.array([0, 0, 1, 2, 2, 2]), 3)[None])
    assert p[0].tolist() == pytest.approx([3 / 9, 2 / 9, 4 / 9])


def test_logits_are_scaled_to_the_least_loss() -> None:
    truth = np.array([0] * 9 + [1])
    scale, loss = Ordinal().scale(np.full((10, 1), 1.0), truth)
    assert scale == pytest.approx(np.log(9), rel=0.02)
    assert loss == pytest.approx(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)), abs=1e-3)
