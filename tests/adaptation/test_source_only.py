"""The yardstick: what is learnt on the source, and on known labels of the target, as if both were one domain."""

from __future__ import annotations

import numpy as np

from regraft.adaptation.source_only import SourceOnly
from regraft.heads.logistic import LogisticHead

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3
X = (RNG.normal(size=(60, 5)) + 2 * np.eye(5)[Y]).astype(np.float32)
TARGET = X[:20] + 1


def test_the_target_changes_nothing() -> None:
    found = SourceOnly(C=1.0).fit(X, Y, TARGET)
    head = LogisticHead(C=1.0, powers=(1.0,)).fit(X, Y)
    np.testing.assert_array_equal(found.predict_proba(TARGET), head.predict_proba(TARGET))
    np.testing.assert_array_equal(found.source_proba(TARGET), found.predict_proba(TARGET))


def test_known_labels_are_pooled_with_the_source() -> None:
    rows, known = np.array([0, 4, 7]), np.array([1, 0, 2])
    found = SourceOnly(C=1.0).fit(X, Y, TARGET, known=(rows, known))
    pooled = LogisticHead(C=1.0, powers=(1.0,)).fit(np.concatenate([X, TARGET[rows]]), np.concatenate([Y, known]))
    np.testing.assert_array_equal(found.predict_proba(TARGET), pooled.predict_proba(TARGET))


def test_its_penalty_is_chosen_where_none_is_given() -> None:
    assert SourceOnly().fit(X, Y).settings_["C"] == LogisticHead(powers=(1.0,)).fit(X, Y).settings_["C"]
