"""Self-training: the surest of each class, and clusters that are followed where centring alone loses them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from regraft.adaptation.self_training import SelfTraining, surest
from regraft.adaptation.standardization import Standardization
from regraft.errors import UsageError


@parametrize_with_checks([SelfTraining()])
def test_scikit_learn_contract(estimator, check):  # type: ignore[no-untyped-def]
    check(estimator)


Y = np.arange(300) % 2


def clusters(degrees: float, shift: float, seed: int) -> np.ndarray:
    """Return two clusters of spread 1/2, opposite each other at a distance of 4, turned and moved."""
    X = np.random.default_rng(seed).normal(0, 0.5, (300, 2))
    angle = np.radians(degrees)
    X += 2 * np.outer(2 * Y - 1, [np.cos(angle), np.sin(angle)]) + shift
    return X.astype(np.float32)


def test_turned_clusters_are_followed() -> None:
    source, target = clusters(0, 0, 0), clusters(70, 3, 1)
    centred = Standardization(scale=False, C=1.0).fit(source, Y, target)
    taught = SelfTraining(C=1.0).fit(source, Y, target)
    accuracy = [np.mean(each.predict(target) == Y) for each in (centred, taught)]
    assert accuracy[0] < 0.95
    assert accuracy[1] > 0.98
    assert taught.settings_["pseudo_labels"] == pytest.approx(270, abs=2)
    assert taught.settings_["shares"] == [0.3, 0.5, 0.7, 0.9]


def test_without_a_target_there_is_nothing_to_be_taught_by() -> None:
    source = clusters(0, 0, 0)
    alone = SelfTraining(C=1.0).fit(source, Y)
    assert alone.settings_["pseudo_labels"] == 0
    centred = Standardization(scale=False, C=1.0).fit(source, Y)
    np.testing.assert_allclose(alone.predict_proba(source), centred.predict_proba(source))


def test_known_labels_are_no_pseudo_labels_and_are_learnt_from() -> None:
    source, target = clusters(0, 0, 0), clusters(0, 3, 1)
    rows = np.arange(200)
    taught = SelfTraining(C=1.0).fit(source, Y, target, known=(rows, Y[rows]))
    assert taught.settings_["pseudo_labels"] == 90  # of the 100 whose labels are not known
    everything = SelfTraining(C=1.0).fit(source, Y, target, known=(np.arange(300), Y))
    assert everything.settings_["pseudo_labels"] == 0


@pytest.mark.parametrize(
    ("share", "rows"),
    [(0.5, [0, 2, 3]), (1.0, [0, 1, 2, 3, 4]), (0.01, [2, 3]), (0.67, [0, 2, 3])],
)
def test_the_surest_of_each_class(share: float, rows: list[int]) -> None:
    sure = np.array([0.8, 0.6, 0.9, 0.7, 0.55])
    proba = np.column_stack([sure, 1 - sure])
    proba[3:] = proba[3:, ::-1]  # rows 3 and 4 are named as the other class
    assert surest(proba, share).tolist() == rows


def test_of_nothing_none_is_sure() -> None:
    assert surest(np.zeros((0, 3)), 0.5).tolist() == []


@pytest.mark.parametrize("shares", [(), (0.0, 0.5), (0.5, 1.1)])
def test_shares_that_mean_nothing(shares: Sequence[float]) -> None:
    X = clusters(0, 0, 0)
    with pytest.raises(UsageError, match="shares must be one or more numbers above 0 and at most 1, not "):
        SelfTraining(shares=shares).fit(X, Y)
