from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.metrics import log_loss as reference_log_loss

from regraft.errors import DataError
from regraft.multitask.kinds.classes import Classes, accuracy, log_loss, macro_f1


def test_cells_become_indices() -> None:
    task = Classes().read("pet", ["dog", "", "cat", "dog"])
    assert task.classes == ("cat", "dog") and task.values[task.known].tolist() == [1, 0, 1]


def test_one_class_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="column 'pet' has only one class, 'dog', and at least two are needed"):
        Classes().read("pet", ["dog", "", "dog"])


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, p = rng.integers(0, 3, 60), rng.dirichlet(np.ones(3), 60)
    assert accuracy(truth, p) == pytest.approx((p.argmax(1) == truth).mean())
    assert macro_f1(truth, p) == pytest.approx(f1_score(truth, p.argmax(1), average="macro"))
    assert log_loss(truth, p) == pytest.approx(reference_log_loss(truth, p))


def test_a_linear_map_is_learnt_and_a_class_without_examples_stays_improbable() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 80)
    X = (rng.normal(size=(80, 5)) + 3 * truth[:, None]).astype(np.float32)
    coef, intercept = Classes().fit(X, truth, 3, 0)
    said = Classes().answers(X @ coef.T + intercept)
    assert coef.shape == (3, 5) and accuracy(truth, said) > 0.95
    assert said[:, 2].max() < 0.05


def test_the_prior_is_the_shares_as_if_each_class_had_been_seen_once_more() -> None:
    prior = Classes().prior(np.array([0, 0, 0, 1]), 3)
    assert np.exp(prior).tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7])


def test_unsure_logits_are_made_as_sure_as_they_deserve() -> None:
    truth = np.array([0, 1] * 50)
    logits = np.where(truth[:, None] == [0, 1], 0.1, 0.0)
    logits[:10] = logits[:10, ::-1]  # a tenth is wrong
    scale, loss = Classes().scale(logits, truth)
    assert 0.1 * scale == pytest.approx(np.log(9), rel=0.1) and loss < 0.4
