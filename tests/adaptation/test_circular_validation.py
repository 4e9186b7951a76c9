"""There and back: who names the target rightly finds the way, who turns its classes round does not."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.adaptation.circular_validation import circular
from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.standardization import Standardization

Y = np.arange(80) % 2


def gaussians(shift: float, seed: int) -> np.ndarray:
    """Return two clusters of spread 1/4, at -1 and 1 on the first axis, moved along it."""
    X = np.random.default_rng(seed).normal(0, 0.25, (80, 2))
    X[:, 0] += 2 * Y - 1 + shift
    return X.astype(np.float32)


@pytest.mark.parametrize(("turned", "accuracy"), [(False, 1.0), (True, 0.0)])
def test_two_moved_gaussians(turned: bool, accuracy: float) -> None:
    source, target = gaussians(0, 0), gaussians(5, 1)
    said = Standardization(scale=False, C=1.0).fit(source, Y, target).predict_proba(target).argmax(axis=1)
    np.testing.assert_array_equal(said, Y)
    back = circular(Standardization(scale=False, C=1.0), source, target, 1 - said if turned else said, 2)
    assert back.shape == (80, 2)
    np.testing.assert_allclose(back.sum(axis=1), 1)
    assert np.mean(back.argmax(axis=1) == Y) == accuracy


def test_a_method_that_does_not_move_cannot_come_back() -> None:
    source, target = gaussians(0, 0), gaussians(5, 1)
    back = circular(SourceOnly(C=1.0), source, target, Y, 2)
    assert np.mean(back.argmax(axis=1) == Y) == 0.5  # all of the source lies on the side of class 0


def test_a_target_named_as_one_class_says_that_class_of_all() -> None:
    back = circular(SourceOnly(C=1.0), gaussians(0, 0), gaussians(5, 1), np.ones(80, np.intp), 3)
    np.testing.assert_array_equal(back, np.tile([0.0, 1.0, 0.0], (80, 1)))


def test_a_class_that_the_target_was_never_named_as_has_no_probability() -> None:
    source = gaussians(0, 0)
    back = circular(SourceOnly(C=1.0), source, source, 2 * Y, 3)
    np.testing.assert_array_equal(back[:, 1], 0)
    assert np.mean(back.argmax(axis=1) == 2 * Y) == 1.0


def test_the_method_that_was_fitted_stays_as_it_is() -> None:
    source, target = gaussians(0, 0), gaussians(5, 1)
    method = Standardization(scale=False, C=1.0).fit(source, Y, target)
    before = method.predict_proba(target)
    circular(method, source, target, 1 - Y, 2)
    np.testing.assert_array_equal(method.predict_proba(target), before)
