"""Label shift: proportions recovered, and odds corrected by them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from regraft.adaptation.label_shift import PRIOR, LabelShift, proportions
from regraft.adaptation.source_only import SourceOnly


@parametrize_with_checks([LabelShift()])
def test_scikit_learn_contract(estimator, check):  # type: ignore[no-untyped-def]
    check(estimator)


def drawn(counts: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features and classes of overlapping clusters, 2 spreads apart."""
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(seed).normal(size=(len(y), 3)) + 2 * np.eye(3)[y]
    return X.astype(np.float32), y


def test_sure_names_are_counted() -> None:
    said = np.eye(2)[np.repeat([0, 1], [30, 10])]
    before = np.array([0.5, 0.5])
    np.testing.assert_allclose(proportions(said, before), (np.array([30, 10]) + PRIOR * before) / (40 + PRIOR))


def test_predictions_that_say_nothing_leave_the_proportions() -> None:
    before = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(proportions(np.tile(before, (100, 1)), before), before)


def test_no_class_is_ruled_out() -> None:
    found = proportions(np.tile([1.0, 0.0], (1000, 1)), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, [1002.5 / 1005, 2.5 / 1005])


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.3, 0.7)])
def test_known_proportions_are_recovered_from_a_calibrated_classifier(shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    y = rng.choice(2, 4000, p=shares)
    x = rng.normal(size=4000) + 2 * y - 1
    right = 1 / (1 + np.exp(-2 * x))  # the true posterior where both are equally many
    found = proportions(np.column_stack([1 - right, right]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, shares, atol=0.03)


def test_a_resampled_target_is_named_better_and_the_proportions_are_told() -> None:
    X, y = drawn((200, 200, 200), 0)
    target, truth = drawn((540, 40, 20), 1)
    plain, corrected = (method.fit(X, y, target) for method in (SourceOnly(C=1.0), LabelShift(C=1.0)))
    accuracy = [np.mean(each.predict(target) == truth) for each in (plain, corrected)]
    assert accuracy[1] > accuracy[0] + 0.05
    np.testing.assert_allclose(corrected.settings_["proportions"], [0.9, 1 / 15, 1 / 30], atol=0.03)


def test_the_odds_alone_are_changed_by_the_ratio_of_proportions() -> None:
    X, y = drawn((200, 200, 200), 0)
    target, _ = drawn((300, 20, 20), 1)
    plain, corrected = (method.fit(X, y, target) for method in (SourceOnly(C=1.0), LabelShift(C=1.0)))
    np.testing.assert_array_equal(plain.tensors_["coef"], corrected.tensors_["coef"])
    odds = np.log(np.array(corrected.settings_["proportions"]) * 3)
    np.testing.assert_allclose(corrected.tensors_["intercept"] - plain.tensors_["intercept"], odds, atol=1e-5)


def test_without_a_target_nothing_is_corrected() -> None:
    X, y = drawn((100, 20, 20), 0)
    alone = LabelShift(C=1.0).fit(X, y)
    np.testing.assert_array_equal(alone.predict_proba(X), SourceOnly(C=1.0).fit(X, y).predict_proba(X))
    np.testing.assert_allclose(alone.settings_["proportions"], [5 / 7, 1 / 7, 1 / 7])
