import numpy as np
import pytest

from regraft.adaptation.alignment import Affine, mean_of
from regraft.heads.scoring import SCORERS


@pytest.mark.parametrize("matrix", [np.array([[1, 2], [0, 1], [3, 0.5]]), np.array([2.0, 0.5, 1.0])])
def test_a_folded_classifier_scores_raw_features_as_the_other_does_mapped_ones(matrix):
    random = np.random.default_rng(0)
    X, affine = random.normal(size=(9, 3)), Affine(random.normal(size=3), matrix)
    width = affine(X).shape[1]
    tensors = {"coef": random.normal(size=(4, width)), "intercept": random.normal(size=4)}
    expected = SCORERS["logistic"](affine(X), tensors, {"power": 1.0})
    np.testing.assert_allclose(SCORERS["logistic"](X, affine.fold(tensors), {"power": 1.0}), expected)


def test_the_mean_of_large_numbers_keeps_its_digits():
    X = np.full((200_000, 1), 16777.1, np.float32)
    assert mean_of(X)[0] == X[0, 0]
