"""Classifiers that remember what they were fitted on, on made-up features and on drawn images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.classifier import Classifier
from regraft.data.dataset import Skipped
from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.memory import Memory
from regraft.features.extraction import Features
from regraft.heads import build_head

D = 40
CENTRES = np.abs(np.random.default_rng(3).normal(size=(6, D)))
CARD = (
    "---\nlicense: mit\nmetrics:\n- accuracy\nmodel-index:\n- name: x\n  results:\n  - task: {}\n---\n\n# x\n\n"
    "It names 97% correctly.\n\n## Data\n"
)


def features_of(label: int, count: int, seed: int = 0) -> np.ndarray:
    """Return features (count, 40) of one of six kinds."""
    rng = np.random.default_rng([seed, label])
    return (CENTRES[label] + 0.5 * rng.normal(size=(count, D))).astype(np.float32)


@pytest.fixture(scope="session")
def remembering() -> Callable[[str], Classifier]:
    """Return a function that makes a classifier of three classes with a head of a kind."""

    def make(head: str = "logistic") -> Classifier:
        X = np.concatenate([features_of(label, 60) for label in range(3)])
        y = np.repeat(np.arange(3), 60)
        settings = {"units": (8,), "epochs": 30} if head == "mlp" else {}
        fitted = build_head(head, **settings).fit(X, y)
        tensors, learnt = fitted.state()
        p = fitted.predict_proba(X)
        return Classifier(
            ("ant", "bee", "cat"), get_backbones("tf_efficientnet_lite0"), ("f32",), (D,), head, tensors, learnt,
            {"data": "made up"}, conformal=Conformal.fit(p, y), familiarity=OutOfDistribution.fit(X, p, widths=(D,)),
            memory=Memory.draw(X, y, p, (D,)), card=CARD,
        )  # fmt: skip

    return make


@pytest.fixture
def seeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let images be features: an array is what a network would have made of it, text is a file that is broken."""

    def features(classifier: Classifier, images: Any, **_: Any) -> Features:
        read = [i for i, image in enumerate(images) if not isinstance(image, str)]
        values = np.array([images[i] for i in read], np.float32).reshape(len(read), D)
        skipped = tuple(Skipped(image, "empty (0 bytes)") for image in images if isinstance(image, str))
        return Features(values, np.array(read), skipped, ("f32",), (D,), "openvino", 0, len(read), 0.0)

    monkeypatch.setattr(Classifier, "features", features)


@pytest.fixture(scope="session")
def forgetful(remembering: Callable[[str], Classifier]) -> Classifier:
    """Return a classifier that remembers nothing."""
    return replace(remembering("logistic"), memory=None)
