"""What can be scored at all, and the spectrum that the scores share."""

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.transferability.labelled import check_classes, check_labelled, class_sums, spectrum


def test_labels_of_any_kind_become_indices_without_gaps():
    assert check_classes(["b", "a", "b", "z"]).tolist() == [1, 0, 1, 2]
    assert check_labelled([[1.0], [2.0], [3.0]], [7, 3, 7])[1].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("features", "y", "words"),
    [
        ([[1.0], [2.0]], [0, 0], r"two classes or more, but there are 2 of 1; add images of another class"),
        ([[1.0], [2.0]], [0], r"\(n, d\) with n labels, but are \(2, 1\) with \(1,\); pass one label a row"),
        ([1.0, 2.0], [0, 1], r"but are \(2,\) with"),
        ([[1.0], [np.nan]], [0, 1], "must be finite numbers, but some are not"),
        ([[1.0, 2.0], [1.0, 2.0]], [0, 1], "must differ between images, but are the same for all"),
        (np.empty((2, 0)), [0, 1], "must differ between images"),
    ],
)
def test_what_cannot_be_scored(features, y, words):
    with pytest.raises(DataError, match=words):
        check_labelled(features, y)


def test_class_sums():
    values = np.arange(10.0).reshape(5, 2)
    assert class_sums(values, np.array([2, 0, 1, 0, 2])).tolist() == [[8, 10], [4, 5], [8, 10]]


@pytest.mark.parametrize(("n", "d"), [(40, 7), (12, 30), (9, 9)])
def test_the_spectrum_is_that_of_the_singular_value_decomposition(clouds, n, d):
    values, y = clouds(n, d, 3)
    values = values.astype(float)
    left, singular, _ = np.linalg.svd(values, full_matrices=False)
    energy, along = spectrum(values, y)
    assert energy == pytest.approx(singular[::-1] ** 2, rel=1e-9)
    assert np.abs(along) == pytest.approx(np.abs(left.T @ np.eye(3)[y])[::-1], abs=1e-9)


def test_axes_of_rounding_are_left_out():
    values = np.outer(np.arange(1.0, 7.0), [1.0, 2.0, 3.0])
    energy, along = spectrum(values, np.array([0, 1, 0, 1, 0, 1]))
    assert energy == pytest.approx([91 * 14])
    assert along.shape == (1, 2)
