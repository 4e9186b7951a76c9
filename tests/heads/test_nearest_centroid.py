import numpy as np
import pytest

from regraft.heads.nearest_centroid import NearestCentroidHead, _left_out_logits
from regraft.heads.scoring import unit_rows


def test_centroids_are_means_of_centred_unit_rows(blobs):
    X, y = blobs()
    tensors, _ = NearestCentroidHead().fit(X, y).state()
    rows = unit_rows(X - X.mean(0))
    np.testing.assert_allclose(tensors["centroids"][1], rows[y == 1].mean(0), atol=1e-6)


@pytest.mark.parametrize("groups", [None, np.arange(30) // 2])
def test_left_out_distances_against_leaving_out(groups, blobs):
    X, y = blobs(n=30, d=8)
    y = y // 2  # groups of one class and of two
    centroids = np.stack([X[y == label].mean(0) for label in range(2)])
    logits, known = _left_out_logits(X, y, centroids, groups)
    assert known.all()
    own = np.arange(30) if groups is None else groups
    for i in range(30):
        rest = (y == y[i]) & (own != own[i])
        distance = np.sum((X[i] - X[rest].mean(0)) ** 2)
        assert X[i] @ X[i] - logits[i, y[i]] == pytest.approx(distance, rel=1e-3)


def test_the_only_example_of_a_class_is_not_scored(blobs):
    X, _ = blobs(n=3, d=4)
    assert _left_out_logits(X, np.array([0, 0, 1]), X[:2], None)[1].tolist() == [True, True, False]


def test_scale_follows_how_far_apart_the_classes_are(blobs):
    near, far = (NearestCentroidHead().fit(*blobs(n=150, spread=s)).settings_["scale"] for s in (0.1, 2.0))
    assert near < far


def test_of_many_folds_what_is_left_out_is_nearly_as_if_it_had_never_been(blobs):
    X, y = blobs(n=60, d=40, spread=2)
    pairs = [(np.delete(np.arange(60), i), np.array([i])) for i in range(60)]
    head = NearestCentroidHead().fit(X, y)
    found, exact = head.out_of_fold(X, y, pairs), super(NearestCentroidHead, head).out_of_fold(X, y, pairs)
    assert np.abs(found - exact).max() < 0.1
    assert (found.argmax(1) == exact.argmax(1)).mean() > 0.95


def test_a_class_that_none_of_many_folds_has_seen_is_the_last_guess(blobs):
    X, y = blobs(n=44, k=2)
    y[0] = 2
    pairs = [(np.delete(np.arange(44), i), np.array([i])) for i in range(44)]
    assert NearestCentroidHead().fit(X, y).out_of_fold(X, y, pairs)[0].argmin() == 2
