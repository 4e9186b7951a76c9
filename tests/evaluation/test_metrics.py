"""Every number is checked against scikit-learn on random problems."""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from regraft.errors import DataError
from regraft.evaluation.metrics import evaluate

PROBLEMS = [
    # n, k, decimals (few make ties), classes without examples
    (200, 2, None, ()),
    (50, 2, 1, ()),
    (300, 5, None, ()),
    (80, 4, 1, ()),
    (120, 6, 2, (0, 3)),
    (40, 3, None, (2,)),
    (5, 4, 1, (1,)),
    (3000, 3, None, ()),
]


def names(k):
    return [f"class {c}" for c in range(k)]


def problem(n, k, decimals, absent, seed=0):
    """Draw labels and probabilities that know something about them."""
    rng = np.random.default_rng(seed)
    present = np.setdiff1d(np.arange(k), absent)
    y = rng.permutation(np.resize(present, n))
    p = rng.dirichlet(np.full(k, 0.7), n) + 0.4 * np.eye(k)[y] * rng.random((n, 1))
    if decimals is not None:
        # Tenths that still sum to 1 exactly, many of them equal.
        p = rng.multinomial(10**decimals, p / p.sum(axis=1, keepdims=True)).astype(float)
    return y, p / p.sum(axis=1, keepdims=True)


@pytest.fixture(params=PROBLEMS, ids=str)
def case(request):
    return problem(*request.param)


def ours(y, p):
    return evaluate(y, p, names(p.shape[1]))


@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
def test_overall_numbers_agree_with_scikit_learn(case):
    y, p = case
    result, predicted = ours(y, p), p.argmax(axis=1)
    k = p.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on classes that are predicted and never true
        balanced = sk.balanced_accuracy_score(y, predicted)
    assert result.n == len(y)
    assert result.accuracy == pytest.approx(sk.accuracy_score(y, predicted))
    assert result.balanced_accuracy == pytest.approx(balanced)
    assert result.macro_f1 == pytest.approx(sk.f1_score(y, predicted, average="macro"))
    assert result.log_loss == pytest.approx(sk.log_loss(y, p, labels=range(k)))
    np.testing.assert_array_equal(result.confusion, sk.confusion_matrix(y, predicted, labels=range(k)))


def test_each_class_agrees_with_scikit_learn(case):
    y, p = case
    result, predicted = ours(y, p), p.argmax(axis=1)
    k = p.shape[1]
    expected = sk.precision_recall_fscore_support(y, predicted, labels=range(k), zero_division=np.nan)
    for c, name in enumerate(names(k)):
        one = result.per_class[name]
        for value, reference in zip((one.precision, one.recall, one.f1), expected, strict=False):
            assert value is None if np.isnan(reference[c]) else value == pytest.approx(reference[c])
        assert one.support == expected[3][c]
        if one.support:
            assert one.roc_auc == pytest.approx(sk.roc_auc_score(y == c, p[:, c]))
            assert one.average_precision == pytest.approx(sk.average_precision_score(y == c, p[:, c]))
        else:
            assert one.roc_auc is None
            assert one.average_precision is None
            assert name not in result.curves


def test_overall_areas_agree_with_scikit_learn(case):
    y, p = case
    result, k = ours(y, p), p.shape[1]
    present = np.unique(y)
    if k == 2:
        expected = sk.roc_auc_score(y, p[:, 1]), sk.average_precision_score(y, p[:, 1])
    else:
        truth = y[:, None] == present
        expected = (
            sk.roc_auc_score(truth, p[:, present], average="macro"),
            sk.average_precision_score(truth, p[:, present], average="macro"),
        )
    assert (result.roc_auc, result.average_precision) == pytest.approx(expected)


def test_macro_auc_is_scikit_learns_one_vs_rest():
    y, p = problem(300, 5, None, ())
    assert ours(y, p).roc_auc == pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr"))


def test_curves_are_points_of_scikit_learns(case):
    y, p = case
    for name, curves in ours(y, p).curves.items():
        c = names(p.shape[1]).index(name)
        fpr, tpr, _ = sk.roc_curve(y == c, p[:, c], drop_intermediate=False)
        precision, recall, _ = sk.precision_recall_curve(y == c, p[:, c])
        for ours_x, ours_y, x, y_ in (
            (curves.fpr, curves.tpr, fpr, tpr),
            (curves.recall, curves.precision, recall, precision),
        ):
            assert 2 <= len(ours_x) <= 200
            assert (np.diff(ours_x) >= 0).all()
            points = np.stack([x, y_])
            for point in np.stack([ours_x, ours_y], axis=1):
                assert np.abs(points - point[:, None]).sum(axis=0).min() < 1e-12
        assert (curves.fpr[0], curves.tpr[0], curves.fpr[-1], curves.tpr[-1]) == (0, 0, 1, 1)
        assert (curves.precision[0], curves.recall[0], curves.recall[-1]) == (1, 0, 1)


def test_thinning_keeps_the_shape_of_a_steep_curve():
    rng = np.random.default_rng(0)
    y = (np.arange(20_000) < 200).astype(int)
    score = rng.random(20_000) * 0.5 + 0.4 * y
    result = ours(y, np.stack([1 - score, score], axis=1))
    curves = result.curves["class 1"]
    assert len(curves.fpr) <= 200
    assert sk.auc(curves.fpr, curves.tpr) == pytest.approx(result.roc_auc, abs=0.005)
    area = sk.auc(curves.recall, curves.precision)
    assert area == pytest.approx(result.average_precision, abs=0.01)


def test_a_class_predicted_but_never_true_counts_in_macro_f1_only():
    y = np.array([0, 0, 1, 1])
    p = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    result = ours(y, p)
    third = result.per_class["class 2"]
    assert (third.precision, third.recall, third.f1, third.support) == (0.0, None, 0.0, 0)
    assert result.balanced_accuracy == pytest.approx(0.75)
    assert result.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_a_class_never_true_and_never_predicted_counts_nowhere():
    result = ours(np.array([0, 1]), np.array([[0.9, 0.1, 0], [0.1, 0.9, 0]]))
    third = result.per_class["class 2"]
    assert (third.precision, third.recall, third.f1) == (None, None, None)
    assert result.macro_f1 == result.balanced_accuracy == 1.0


@pytest.mark.parametrize("k", [2, 3])
def test_a_single_class_leaves_the_areas_undefined(k):
    result = ours(np.zeros(4, int), np.full((4, k), 1 / k))
    assert (result.roc_auc, result.average_precision, result.curves) == (None, None, {})
    assert result.accuracy == 1.0
    assert result.log_loss == pytest.approx(np.log(k))


def test_a_confident_mistake_costs_much_but_not_everything():
    y, p = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert ours(y, p).log_loss == pytest.approx(sk.log_loss(y, p))


def test_interval_holds_the_accuracy():
    result = ours(*problem(50, 2, 1, ()))
    low, high = result.accuracy_ci95
    assert 0 < low < result.accuracy < high < 1


def test_single_precision_is_enough():
    y, p = problem(300, 5, None, ())
    assert ours(y, p.astype(np.float32)).log_loss == pytest.approx(ours(y, p).log_loss, rel=1e-5)


def test_to_dict_is_plain_json(case):
    y, p = case
    result = ours(y, p)
    values = result.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert set(values) == {
        *("n", "classes", "accuracy", "accuracy_ci95", "balanced_accuracy", "macro_f1", "log_loss"),
        *("roc_auc", "average_precision", "per_class", "confusion"),
    }
    assert values["classes"] == list(values["per_class"]) == names(p.shape[1])
    assert set(values["per_class"]["class 0"]) == {
        *("precision", "recall", "f1", "support", "roc_auc", "average_precision"),
    }
    assert values["confusion"] == result.confusion.tolist()


GOOD = np.array([[0.9, 0.1], [0.2, 0.8]])


@pytest.mark.parametrize(
    ("y", "p", "classes", "message"),
    [
        ([0, 1], GOOD, ["a"], r"two or more different names, got \['a'\]"),
        ([0, 1], GOOD, ["a", "a"], r"two or more different names, got \['a', 'a'\]"),
        ([], np.zeros((0, 2)), ["a", "b"], r"y_true must be class indices .* got float64 of shape \(0,\)"),
        ([0.0, 1.0], GOOD, ["a", "b"], "y_true must be class indices .* got float64"),
        ([[0, 1]], GOOD, ["a", "b"], r"y_true must be class indices .* of shape \(1, 2\)"),
        ([0, 1, 1], GOOD, ["a", "b"], r"shape \(3, 2\), .* got \(2, 2\)"),
        ([0, 1], GOOD, ["a", "b", "c"], r"shape \(2, 3\), .* got \(2, 2\)"),
        ([0, 2], GOOD, ["a", "b"], "between 0 and 1 for 2 classes, got 0 to 2"),
        ([-1, 1], GOOD, ["a", "b"], "between 0 and 1 for 2 classes, got -1 to 1"),
        ([0, 1], [[np.nan, 1], [0, 1]], ["a", "b"], "must be finite"),
        ([0, 1], [[np.inf, 1], [0, 1]], ["a", "b"], "must be finite"),
        ([0, 1], [[1.5, -0.5], [0, 1]], ["a", "b"], "not negative"),
        ([0, 1], [[2.0, 3.0], [0, 1]], ["a", "b"], "sum to 1 in each row"),
    ],
)
def test_refuses_what_does_not_fit(y, p, classes, message):
    with pytest.raises(DataError, match=message):
        evaluate(y, p, classes)
