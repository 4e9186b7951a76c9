from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from regraft.errors import DataError
from regraft.multitask.kinds import multilabel
from regraft.multitask.kinds.multilabel import MultiLabel


def test_cells_are_parted_and_a_lone_semicolon_is_no_label_at_all() -> None:
    task = MultiLabel().read("tags", ["a;b", "", ";", " b ; c"])
    assert task.classes == ("a", "b", "c")
    assert task.values[task.known].tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["a", "b", ""], r"has a single label in every cell, .*--task-kinds tags=classes"),
        (["a;a", ";"], "has only one label, 'a', and at least two are needed"),
        ([";", ""], "names no label in any cell"),
    ],
)
def test_what_is_no_multi_label_is_refused(cells: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        MultiLabel().read("tags", cells)


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random((50, 4)) < 0.4).astype(np.float32)
    p = np.round(rng.random((50, 4)), 1)  # with ties
    said = p >= 0.5
    assert multilabel.macro_f1(truth, p) == pytest.approx(f1_score(truth, said, average="macro"))
    assert multilabel.micro_f1(truth, p) == pytest.approx(f1_score(truth, said, average="micro"))
    assert multilabel.mean_average_precision(truth, p) == pytest.approx(average_precision_score(truth, p))
    assert multilabel.subset_accuracy(truth, p) == pytest.approx((said == truth).all(1).mean())


def test_each_label_is_learnt_and_a_constant_one_keeps_its_prior() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((90, 3)) < 0.5).astype(np.float32)
    truth[:, 2] = 0
    X = (truth @ rng.normal(size=(3, 6)) * 4 + rng.normal(size=(90, 6))).astype(np.float32)
    coef, intercept = MultiLabel().fit(X, truth, 3, 0)
    said = MultiLabel().answers(X @ coef.T + intercept)
    assert multilabel.macro_f1(truth[:, :2], said[:, :2]) > 0.9
    assert said[:, 2] == pytest.approx(1 / 92)


def test_the_loss_is_that_of_the_probabilities() -> None:
    logits, truth = np.array([[2.0, -1.0]]), np.array([[1.0, 0.0]])
    p = MultiLabel().answers(logits)
    assert MultiLabel().losses(logits, truth)[0] == pytest.approx(-np.log([p[0, 0], 1 - p[0, 1]]).mean())


def test_an_answer_names_the_labels_that_are_more_probable_than_not() -> None:
    value, probabilities = MultiLabel().answer(np.array([0.2, 0.9, 0.6]), ("a", "b", "c"))
    assert value == ["b", "c"] and list(probabilities) == ["b", "c", "a"]
