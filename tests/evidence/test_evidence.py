"""What a classifier carries to be trusted by, and what its test images say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.control import Control
from regraft.evaluation.calibration import uncalibrated
from regraft.evaluation.transfer import judge
from regraft.evidence.evidence import Evidence, gather
from regraft.evidence.trust import Learnt, Trust, trust

K = 3
WIDTH = 200


def images(n: int, seed: int, sure: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, 200) near a plane, probabilities (n, 3) that are as sure as they should be, and classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=sure, size=(n, K))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(K, p=row) for row in p])
    plane = np.random.default_rng(99).normal(size=(5, WIDTH))
    features = rng.normal(size=(n, 5)) @ plane + rng.normal(scale=0.1, size=(n, WIDTH))
    return features.astype(np.float32), p, y


@pytest.fixture(scope="module")
def trusted() -> Trust:
    features, p, y = images(300, 0)
    learnt = Learnt(features, np.arange(300), None, (WIDTH,))
    return trust(p, y, learnt, seed=0)


def evidence(trusted: Trust, n: int = 200, **changes: Any) -> Evidence:
    features, p, y = images(n, 1)
    strange = (np.random.default_rng(5).normal(size=(10, WIDTH)).astype(np.float32), np.full((10, K), 1 / K))
    settings: dict[str, Any] = {
        "settings": {},
        "protocol": "holdout",
        "features": features,
        "strangers": {"temple": strange},
        "control": None,
        "seed": 0,
    }
    return gather(trusted, p, y, **{**settings, **changes})


def test_what_is_carried_keeps_its_promises(trusted: Trust) -> None:
    found = evidence(trusted, n=1000)
    assert found.coverage is not None and found.familiarity is not None
    assert abs(found.coverage.coverage - 0.9) < 0.04
    assert found.familiarity.false_alarms == pytest.approx(0.05, abs=0.03)
    count, marked, area = found.familiarity.strangers["temple"]
    assert (count, marked) == (10, 1.0)
    assert area is not None and area > 0.95
    assert found.after.ece < 0.06
    assert found.notes == ()


def test_the_temperature_of_the_head_is_undone_for_the_figures_before(trusted: Trust) -> None:
    _, p, y = images(200, 1)
    found = gather(
        trusted, p, y, settings={"inverse_temperature": 0.25}, protocol="holdout", features=None, strangers={},
        control=None, seed=0,
    )  # fmt: skip
    assert found.before.brier == pytest.approx(np.mean(((uncalibrated(p, 0.25) - np.eye(K)[y]) ** 2).sum(axis=1)))
    assert found.before.ece > found.after.ece
    assert found.method == "temperature"


def test_under_cross_validation_no_image_is_covered_by_its_own_score(trusted: Trust) -> None:
    assert trusted.conformal is not None
    # Thresholds of the classifier that would cover everything must not be what is measured.
    flattered = replace(trusted, conformal=replace(trusted.conformal, scores=np.full(300, 1, np.float32)))
    assert evidence(flattered).coverage.coverage == 1.0  # type: ignore[union-attr]
    found = evidence(flattered, protocol="cross-validation").coverage
    assert found is not None and 0.8 < found.coverage < 0.97


def test_some_images_are_remembered_with_what_was_said_of_them_when_held_out(trusted: Trust) -> None:
    memory = trusted.memory
    assert memory is not None and memory.widths == (WIDTH,)
    assert np.bincount(memory.labels).tolist() == [40] * K
    features, p, y = images(300, 0)
    own = trust(p[:50], y[:50], Learnt(features, np.arange(50), images(50, 7)[0], (WIDTH,)), seed=0).memory
    assert own is not None and len(own) == 50
    [position] = [i for i in own.owners(images(50, 7)[0]) if i is not None][:1]
    assert position in range(K)  # of the user's own validation images, not of the training images


def test_too_few_held_out_images_give_no_sets_and_say_so() -> None:
    features, p, y = images(6, 0)
    found = trust(p, y, Learnt(features, np.arange(6), None, (WIDTH,)), seed=0)
    assert found.conformal is None
    assert any(note.startswith("No prediction sets: ") and "at least 9" in note for note in found.notes)
    assert evidence(found).coverage is None


def test_without_features_nothing_is_marked_and_it_is_said() -> None:
    _, p, y = images(100, 0)
    found = trust(p, y, None, seed=0)
    assert found.familiarity is None and found.memory is None
    assert any("no time left" in note for note in found.notes)
    assert evidence(found).familiarity is None


def test_sentences_and_plain_values(trusted: Trust) -> None:
    right = np.arange(200) < 150
    control = Control(0.5, "knn", judge(right, ~right, "the raw pixels alone"))
    found = evidence(trusted, control=control)
    sentences = found.sentences()
    assert sentences[0].startswith("Transfer gains +50.0 points")
    assert any("Probabilities are off by" in sentence for sentence in sentences)
    assert any("Sets of plausible classes at 90%" in sentence for sentence in sentences)
    assert any("Of 10 other pictures (temple), 100% are marked" in sentence for sentence in sentences)
    plain = found.to_dict()
    assert set(plain) == {"calibration", "sets", "selective", "familiarity", "transfer", "intervals", "notes"}
    assert plain["sets"]["asked"] == 0.9
    assert plain["transfer"]["accuracy"] == 0.5
    assert plain["familiarity"]["strangers"]["temple"]["marked"] == 1.0
