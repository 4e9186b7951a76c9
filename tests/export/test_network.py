"""The whole of a classifier as one network says what the classifier says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from regraft.evaluation.calibration import Calibration
from regraft.export.network import Calibrated, ClassifierNetwork, Grown, Strangeness
from regraft.export.parity import bundled

CURVES = (
    (np.array([0.0, 0.3, 0.30000000001, 1.0]), np.array([0.1, 0.2, 0.7, 0.9])),  # an upright step
    (np.array([0.2, 0.9]), np.array([0.0, 1.0])),
    (np.array([0.5]), np.array([0.4])),  # one corner: the same for all
)
CALIBRATIONS = {
    "none": Calibration(),
    "sharper": Calibration("temperature", 1.7),
    "flatter": Calibration("temperature", 0.4),
    "isotonic": Calibration("isotonic", curves=CURVES, smoothing=1e-3),
}


def probabilities(n: int, k: int, seed: int = 0) -> np.ndarray:
    """Return probabilities (n, k), some of them 0 and 1."""
    p = np.random.default_rng(seed).dirichlet(np.full(k, 0.7), n)
    p[0] = np.eye(k)[0]
    return p


def features_of(classifier: Any, n: int = 60, seed: int = 0) -> np.ndarray:
    """Return made-up features (n, d) of many lengths and both signs."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(n, sum(classifier.widths))) * random.uniform(0.1, 3, (n, 1))
    return found.astype(np.float32)


def through(part: torch.nn.Module, *arrays: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return part(*(torch.tensor(array, dtype=torch.float32) for array in arrays)).numpy()


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_calibration_is_the_same(name: str) -> None:
    p = probabilities(200, 3)
    # In float32 nothing lies between the corners of the upright step: stay off it.
    p = p[np.abs(p[:, 0] - 0.3) > 1e-3]
    found = through(Calibrated(CALIBRATIONS[name]), p)
    np.testing.assert_allclose(found, CALIBRATIONS[name].apply(p), atol=1e-5)


def test_a_fitted_curve_is_the_same() -> None:
    from regraft.evaluation.calibration import _fitted

    p = probabilities(1200, 4)
    y = np.array([np.random.default_rng(i).choice(4, p=row) for i, row in enumerate(p**0.5 / (p**0.5).sum(1)[:, None])])
    calibration = _fitted("isotonic", p, y)
    assert max(len(x) for x, _ in calibration.curves) > 10
    # What falls on an upright step of float64 may fall on either side of it in float32: some images, by a whole step.
    difference = np.abs(
        through(Calibrated(calibration), p.astype(np.float32)) - calibration.apply(p.astype(np.float32))
    )
    assert np.quantile(difference, 0.95) < 1e-4


def test_learnt_classes_are_the_same(grown: Any) -> None:
    features, p = features_of(grown), probabilities(60, grown.growth.base)
    found = through(Grown(grown.growth), features, p)
    assert found.shape == (60, 5)
    np.testing.assert_allclose(found, grown.growth.apply(features, p), atol=1e-5)


def test_strangeness_is_the_same(small: Any) -> None:
    known = small.familiarity
    features, p = features_of(small), probabilities(60, 3)
    expected = known.score(features, p) - known.threshold
    found = through(Strangeness(known, None, 3), features, p)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert ((found > 0) == small.unfamiliar(features, p))[np.abs(expected) > 1e-3].all()


def test_strangeness_without_doubt_is_the_same(small: Any) -> None:
    known = replace(small.familiarity, doubt=None)
    features, p = features_of(small), probabilities(60, 3)
    found = through(Strangeness(known, None, 3), features, p)
    np.testing.assert_allclose(found, known.score(features) - known.threshold, atol=1e-3)


def test_strangeness_beside_learnt_classes_is_the_same(grown: Any) -> None:
    assert None in grown.growth.limits  # from one image it cannot be told
    features = np.concatenate([features_of(grown), grown.memory.features[:40].astype(np.float32)])
    p = grown.growth.apply(features, probabilities(len(features), grown.growth.base))
    found = through(Strangeness(grown.familiarity, grown.growth, 5), features, p)
    assert ((found > 0) == grown.unfamiliar(features, p))[np.abs(found) > 1e-3].all()
    last = p.argmax(axis=1) == 4
    assert (found[last] < -1e20).all()


@pytest.mark.parametrize("which", ["small", "grown"])
def test_the_whole_says_what_the_classifier_says(which: str, request: pytest.FixtureRequest, colours: Path) -> None:
    classifier = replace(request.getfixturevalue(which), precisions=("f32",))
    images = bundled(12)
    network = ClassifierNetwork(classifier).eval()
    with torch.no_grad():
        said = [network(torch.tensor(image[None])) for image in images]
    found = np.concatenate([p for p, _ in said])
    features = classifier.features(images).values
    expected = classifier.score(features)
    np.testing.assert_allclose(found, expected, atol=0.02)
    marks = np.concatenate([strangeness for _, strangeness in said])
    clear = np.abs(marks) > 0.2
    assert ((marks > 0) == classifier.unfamiliar(features, expected))[clear].all()


def test_probabilities_come_alone_where_strangeness_cannot_be_told(small: Any) -> None:
    network = ClassifierNetwork(replace(small, familiarity=None)).eval()
    with torch.no_grad():
        found = network(torch.zeros(2, 30, 40, 3, dtype=torch.uint8))
    assert len(found) == 1 and found[0].shape == (2, 3)


def test_views_of_one_network_share_it_and_differ(small: Any) -> None:
    [backbone] = small.backbones
    mirrored = replace(backbone, preprocessing=replace(backbone.preprocessing, mirror=True))
    seen = {name: np.concatenate([a, a]) if a.ndim == 1 else np.tile(a, (1, 2)) for name, a in small.tensors.items()}
    both = replace(
        small, backbones=(backbone, mirrored), precisions=("f32",) * 2, widths=small.widths * 2, tensors=seen,
        familiarity=None, memory=None,
    )  # fmt: skip
    network = ClassifierNetwork(both).eval()
    assert network.backbones[0] is network.backbones[1]
    image = bundled(6)[5]
    with torch.no_grad():
        [found] = network(torch.tensor(image[None]))
    np.testing.assert_allclose(found.numpy(), both.predict_proba([image]), atol=5e-3)
