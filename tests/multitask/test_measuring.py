from __future__ import annotations

import numpy as np
import pytest

from regraft.evaluation.intervals import wilson
from regraft.evaluation.significance import paired_gain
from regraft.multitask.measuring import Figure, compare, verdict


def test_shares_have_the_intervals_of_shares() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 100)
    good, poor = (np.where(rng.random(100) < share, truth, 1 - truth) for share in (0.9, 0.6))
    said = {"together": np.eye(2)[good], "alone": np.eye(2)[poor]}
    found = compare("classes", truth, said, np.array([0.7, 0.3]))
    right = int((good == truth).sum())
    assert found.ways["together"]["accuracy"] == Figure(right / 100, wilson(right, 100))
    gain = paired_gain(good == truth, poor == truth)
    assert (found.gain["accuracy"].value, found.gain["accuracy"].ci95) == gain
    assert found.usual["accuracy"] == (truth == 0).mean()
    assert verdict(found.gain["accuracy"]) == "gained"


def test_a_smaller_error_is_a_gain() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200)
    near, far = (truth + rng.normal(0, spread, 200) for spread in (0.1, 1.0))
    found = compare("numbers", truth, {"together": near, "alone": far}, np.array(truth.mean()))
    assert found.gain["mean_absolute_error"].ci95[0] > 0 and found.gain["r2"].ci95[0] > 0
    assert found.usual["r2"] == pytest.approx(0)
    low, high = found.ways["alone"]["mean_absolute_error"].ci95
    # The standard error of a mean of 200 half-normal errors.
    assert (high - low) / 2 == pytest.approx(1.96 * 0.603 / np.sqrt(200), rel=0.25)
    assert verdict(compare("numbers", truth, {"together": far, "alone": near}, np.array(0.0)).gain["r2"]) == "lost"


def test_the_same_answers_are_neither_better_nor_worse() -> None:
    truth = (np.random.default_rng(0).random((40, 3)) < 0.5).astype(np.float32)
    said = np.random.default_rng(1).random((40, 3))
    found = compare("multi-label", truth, {"together": said, "alone": said}, np.array([0.5, 0.4, 0.3]))
    assert all(gain.value == 0 and verdict(gain) == "unclear" for gain in found.gain.values())
    assert found.ways["alone"]["subset_accuracy"].value == ((said >= 0.5) == (truth > 0)).all(1).mean()


def test_the_same_seed_gives_the_same_intervals() -> None:
    rng = np.random.default_rng(0)
    truth, said = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
    usual = np.ones(3) / 3
    answers = {"together": said, "alone": said[:, ::-1]}
    one, other = (compare("ordinal", truth, answers, usual, seed=3) for _ in range(2))
    assert one == other


def test_of_a_single_task_the_gain_is_over_the_linear_head() -> None:
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    answers = {"linear": truth + 1.0, "alone": truth + 0.25}
    found = compare("numbers", truth, answers, np.array([2.5]))
    assert set(found.ways) == {"linear", "alone"}
    assert found.gain["mean_absolute_error"].value == pytest.approx(0.75)
    assert compare("numbers", truth, {**answers, "together": truth}, np.array([2.5])).gain[
        "mean_absolute_error"
    ].value == pytest.approx(0.25)
