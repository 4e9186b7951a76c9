import numpy as np
import pytest

from regraft.heads.scoring import SCORERS, nearest_first, neighbor_votes, signed_power, smoothed, softmax, unit_rows

X = np.array([[4.0, 0.0], [0.0, 9.0]], np.float32)


def test_softmax_of_large_logits():
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]], np.float32)), [[0.5, 0.5, 0]])


def test_signed_power():
    np.testing.assert_allclose(signed_power(np.array([-4.0, 0.0, 9.0]), 0.5), [-2, 0, 3])
    np.testing.assert_allclose(signed_power(np.array([-16.0, 16.0]), 0.75), [-8, 8])
    assert signed_power(X, 1.0) is X


def test_unit_rows_leaves_nothing_as_it_is():
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


def test_logistic_by_hand():
    tensors = {"coef": np.eye(2, dtype=np.float32), "intercept": np.array([0, 1], np.float32)}
    odds = SCORERS["logistic"](X, tensors, {"power": 0.5})
    np.testing.assert_allclose(np.log(odds[:, 1] / odds[:, 0]), [1 - 2, 3 + 1], rtol=1e-6)


def test_mlp_by_hand():
    tensors = {
        "weight_0": np.array([[1, -1]], np.float32),
        "bias_0": np.array([-1], np.float32),
        "weight_1": np.array([[0], [2]], np.float32),
        "bias_1": np.array([0, 0.5], np.float32),
    }
    odds = SCORERS["mlp"](X, tensors, {"layers": 2})
    np.testing.assert_allclose(np.log(odds[:, 1] / odds[:, 0]), [2 * 3 + 0.5, 0.5], rtol=1e-6)


def test_centroid_by_hand():
    tensors = {"mean": np.array([0, 0], np.float32), "centroids": np.array([[1, 0], [0, 0.5]], np.float32)}
    odds = SCORERS["centroid"](X, tensors, {"scale": 3.0})
    np.testing.assert_allclose(np.log(odds[:, 0] / odds[:, 1]), [3 * 1.25, 3 * (0.25 - 2)], rtol=1e-5)


def test_knn_by_hand():
    tensors = {
        "mean": np.zeros(2, np.float32),
        "examples": np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32),
        "labels": np.array([0, 1, 1], np.int32),
    }
    settings = {"n_neighbors": 2, "n_classes": 2, "temperature": 0.1, "smoothing": 0.2}
    proba = SCORERS["knn"](X[:1], tensors, settings)
    other = np.exp((0.8 - 1) / 0.1)
    np.testing.assert_allclose(proba, [[1.1 / (1.2 + other), (other + 0.1) / (1.2 + other)]], rtol=1e-5)


def test_nearest_first_is_in_order_and_stops_at_what_there_is():
    nearest, order = nearest_first(np.array([[0.1, 0.9, 0.5]]), 7)
    assert nearest.tolist() == [[0.9, 0.5, 0.1]]
    assert order.tolist() == [[1, 2, 0]]


def test_votes_are_counted_by_class_and_smoothed():
    votes = neighbor_votes(np.array([[0.5, 0.5, 0.5]]), np.array([[2, 0, 2]]), 3, temperature=1.0)
    assert votes.tolist() == [[1, 0, 2]]
    np.testing.assert_allclose(smoothed(votes, 3.0), [[2 / 6, 1 / 6, 3 / 6]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_rows_give_no_rows(dtype):
    tensors = {"coef": np.eye(2, dtype=np.float32), "intercept": np.zeros(2, np.float32)}
    assert SCORERS["logistic"](np.zeros((0, 2), dtype), tensors, {"power": 1.0}).shape == (0, 2)


def test_boosted_by_hand():
    tensors = {
        "coef": np.stack([np.eye(2), -np.eye(2)]).astype(np.float32),
        "intercept": np.array([[0, 1], [0, 0]], np.float32),
        "votes": np.array([3, 1], np.float32),
    }
    proba = SCORERS["boosted"](X, tensors, {"power": 1.0})
    first = 1 / (1 + np.exp([4.0 - 1, -10.0]))
    np.testing.assert_allclose(proba[:, 1], 0.75 * first + 0.25 / (1 + np.exp([-4.0, 9.0])), rtol=1e-6)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    raised = SCORERS["boosted"](np.sign(X) * X**2, tensors, {"power": 0.5})
    np.testing.assert_allclose(raised, proba, rtol=1e-5)


@pytest.mark.parametrize("n_classes", [0, -1, 4, 10**12])
def test_votes_for_more_classes_than_examples_are_refused_before_memory_is_taken(n_classes):
    tensors = {"mean": np.zeros(2, np.float32), "examples": unit_rows(X), "labels": np.array([0, 1])}
    settings = {"n_neighbors": 1, "n_classes": n_classes, "temperature": 1.0, "smoothing": 0.0}
    with pytest.raises(ValueError, match=f"{n_classes} classes of 2 examples"):
        SCORERS["knn"](X, tensors, settings)


@pytest.mark.parametrize("power", ["x", None, [0.5]])
def test_a_setting_that_is_no_number_is_refused_in_plain_words(power):
    tensors = {"coef": np.eye(2, dtype=np.float32), "intercept": np.zeros(2, np.float32)}
    with pytest.raises((ValueError, TypeError), match="float"):
        SCORERS["logistic"](X, tensors, {"power": power})
