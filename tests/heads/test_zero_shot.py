"""Evidence for described classes: the source's classes as weights, and the heads that use them."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.heads.scoring import SCORERS, logistic, softmax, source_evidence, strangeness, unit_rows
from regraft.heads.zero_shot import centred, evidence_table

Z, E, D = 40, 8, 12


@pytest.fixture
def sources() -> np.ndarray:
    return unit_rows(np.random.default_rng(0).normal(size=(Z, E)).astype(np.float32))


def test_centring_takes_the_mean_away():
    found = centred(np.array([[2.0, 1.0], [0.0, 3.0]], np.float32), np.array([1.0, 1.0], np.float32))
    assert np.allclose(found, [[1, 0], [-np.sqrt(0.2), np.sqrt(0.8)]])


def test_every_described_class_has_the_same_evidence_in_all(sources):
    table = evidence_table(sources[:3], sources, [(), (), ()])
    assert table.shape == (Z, 3)
    assert np.allclose(table.mean(axis=0), 1, atol=1e-5)
    assert table.argmax(axis=0).tolist() == [0, 1, 2]
    sharper = evidence_table(sources[:3], sources, [(), (), ()], sharpness=40)
    assert (sharper.max(axis=0) > table.max(axis=0)).all()
    flat = evidence_table(sources[:3], sources, [(), (), ()], sharpness=0)
    assert np.allclose(flat, 1)


def test_a_source_class_alone_speaks_for_itself(sources):
    table = evidence_table(sources[:2], sources, [(7,), (8, 9)])
    assert table[7, 0] == Z
    assert table[[8, 9], 1].tolist() == [Z / 2, Z / 2]
    assert np.count_nonzero(table) == 3


def test_the_rest_is_what_any_image_gives(sources):
    plain = evidence_table(sources[:2], sources, [(), ()], rest=1)
    assert np.allclose(plain[:, 1], 3)
    assert np.allclose(plain[:, 0], evidence_table(sources[:1], sources, [()])[:, 0])
    own = evidence_table(sources[:3], sources, [(7,), (8,), ()], rest=2)[:, 2]
    assert own.mean() == pytest.approx(2, abs=1e-5)  # all source classes alike, and as much of those like the classes
    assert own[[7, 8]] == pytest.approx(1, abs=1e-5)
    near = sources @ (sources[7] + sources[8])
    near[[7, 8]] = -9
    assert own[near.argmax()] > 2
    mixed = evidence_table(sources[:3], sources, [(7,), (), ()], rest=2)[:, 2]
    assert mixed.mean() == pytest.approx(2.5, abs=1e-5)


@pytest.fixture
def tensors(sources) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "coef": rng.normal(size=(Z, D)).astype(np.float16),
        "intercept": rng.normal(size=Z).astype(np.float32),
        "evidence": evidence_table(sources[:4], sources, [(3,), (), (), ()]),
    }


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(2000, D)).astype(np.float32)


def test_zero_shot_is_the_share_of_the_evidence(tensors, features):
    found = SCORERS["zero_shot"](features, tensors, {})
    source = softmax(features @ tensors["coef"].T.astype(np.float32) + tensors["intercept"])
    by_hand = source @ tensors["evidence"] + 1e-6
    assert np.allclose(found, by_hand / by_hand.sum(axis=1, keepdims=True), atol=1e-4)
    assert np.allclose(found.sum(axis=1), 1)


def test_without_any_evidence_all_classes_are_alike(tensors, features):
    found = SCORERS["zero_shot"](features, {**tensors, "evidence": np.zeros((Z, 4), np.float32)}, {})
    assert np.allclose(found, 0.25)


@pytest.fixture
def generalized(tensors) -> tuple[dict[str, np.ndarray], dict]:
    """A logistic head of two classes, and two more that are described."""
    rng = np.random.default_rng(3)
    own = {"coef": rng.normal(size=(2, D)).astype(np.float32), "intercept": np.zeros(2, np.float32)}
    settings = {"trained": "logistic", "trained_settings": {"power": 1.0}, "inverse_temperature": 1.0, "bonus": 0.0}
    return {**tensors, **{f"trained.{name}": array for name, array in own.items()}}, settings


def test_the_trained_head_divides_what_the_trained_classes_have(generalized, features):
    tensors, settings = generalized
    found = SCORERS["generalized"](features, tensors, settings)
    assert np.allclose(found.sum(axis=1), 1)
    own = {name[8:]: array for name, array in tensors.items() if name.startswith("trained.")}
    within = found[:, :2] / found[:, :2].sum(axis=1, keepdims=True)
    assert np.allclose(within, logistic(features, own, {"power": 1.0}), atol=1e-6)
    evidence = source_evidence(features, tensors)
    assert np.allclose(found[:, :2].sum(axis=1), evidence[:, :2].sum(axis=1) / evidence.sum(axis=1))
    assert np.allclose(found[:, 2] * evidence[:, 3], found[:, 3] * evidence[:, 2])


def test_bonus_and_temperature(generalized, features):
    tensors, settings = generalized
    plain = SCORERS["generalized"](features, tensors, settings)
    favoured = SCORERS["generalized"](features, tensors, {**settings, "bonus": 2.0})
    odds = [np.log(p[:, :2].sum(axis=1) / p[:, 2:].sum(axis=1)) for p in (plain, favoured)]
    assert np.allclose(odds[1] - odds[0], 2)
    sharper = SCORERS["generalized"](features, tensors, {**settings, "inverse_temperature": 3.0})
    assert (sharper[:, :2].max(axis=1) >= plain[:, :2].max(axis=1) - 1e-9).all()
    assert np.array_equal(sharper[:, :2].argmax(axis=1), plain[:, :2].argmax(axis=1))


def test_strangeness_is_that_of_the_classifiers_own_mark(features):
    # Fewer images than columns: with as many directions as columns nothing but rounding would be left over.
    familiarity = OutOfDistribution.fit(features[:8], widths=(5, 7))
    tensors = {"mean": familiarity.mean, "directions": familiarity.directions}
    settings = {"widths": [5, 7], "residual": list(familiarity.residual)}
    assert np.allclose(strangeness(features, tensors, settings), familiarity.score(features), atol=1e-3)


def test_what_is_strange_is_less_likely_a_trained_class(generalized, features):
    tensors, settings = generalized
    familiarity = OutOfDistribution.fit(features[:8], widths=(D,))
    plain = SCORERS["generalized"](features, tensors, settings)
    tensors = {**tensors, "mean": familiarity.mean, "directions": familiarity.directions}
    settings = {**settings, "weight": 1.5, "widths": [D], "residual": list(familiarity.residual)}
    found = SCORERS["generalized"](features, tensors, settings)
    odds = [np.log(p[:, :2].sum(axis=1) / p[:, 2:].sum(axis=1)) for p in (plain, found)]
    assert np.allclose(odds[0] - odds[1], 1.5 * familiarity.score(features), atol=1e-2)
