"""What a fit adds to its classifier, on a real fit of small images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import regraft
from regraft.data.sources import read_source


def test_a_fit_carries_its_evidence(fitted: Any) -> None:
    evidence = fitted.evidence
    assert evidence.control.head in ("logistic", "knn")
    assert evidence.after.n == fitted.n_test
    assert evidence.familiarity.false_alarms is None  # cross-validated: no image is apart from training
    assert set(evidence.familiarity.strangers) >= {"temple", "flower", "digit"}
    assert fitted.to_dict()["evidence"]["transfer"]["control"] == "the raw pixels alone"


def test_test_probabilities_are_the_classifiers_own(tmp_path: Path, draw_classes: Any) -> None:
    for part, seed in (("train", 0), ("test", 500)):
        draw_classes(tmp_path / "data" / part, count=12, seed=seed)
    result = regraft.fit(tmp_path / "data", backbone="tf_efficientnet_lite0", head="centroid")
    dataset = read_source(tmp_path / "data")
    files = [dataset.examples[int(i)] for i in dataset.part("test")]
    assert np.allclose(result.classifier.predict_proba(files), result.test_probabilities, atol=2e-3)
    assert result.evidence is not None and result.evidence.familiarity is not None
    assert result.evidence.familiarity.false_alarms is not None
    familiarity = result.classifier.familiarity
    assert familiarity is not None and familiarity.n <= result.n_train


def test_nothing_is_transferred_by_random_weights(colours: Path) -> None:
    result = regraft.fit(colours, backbone="tf_efficientnet_lite0", weights="none", head="centroid")
    assert result.evidence is not None and result.evidence.control is None
    assert result.to_dict()["evidence"]["transfer"] is None
