"""One method tried on features: what it says, what it says of what it has not learnt from, and nothing by luck."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.adaptation import METHODS
from regraft.domains.principal import principal_axes
from regraft.domains.trial import Problem, Trial, try_method
from regraft.heads.scoring import SCORERS


def problem(counts: tuple[int, ...] = (20, 20, 20), known: int = 0, shift: float = 2.0, sources: int = 1) -> Problem:
    """Return clusters 3 spreads apart, and the same ones moved; the first `known` of each class are known."""
    rng = np.random.default_rng(0)
    k = len(counts)
    y = np.repeat(np.arange(k), counts)
    X = (rng.normal(size=(len(y), 8)) + 3 * np.eye(8)[y]).astype(np.float32)
    z = np.arange(45) % k
    target = (rng.normal(size=(45, 8)) + 3 * np.eye(8)[z] + shift * np.eye(8)[0]).astype(np.float32)
    rows = np.arange(known * k)
    domains = np.arange(len(y)) % sources
    return Problem(X, y, k, target, rows, z[rows], domains, 1.0, 1.0, np.ones(len(y)), 0, principal_axes(X, target, 0))


def tried(name: str, of: Problem, **settings: Any) -> Trial:
    if METHODS[name].package:
        pytest.importorskip(METHODS[name].package or "")
    return try_method(name, of, (), ("f32",), (8,), **settings)


TRUTH = np.arange(45) % 3
ARRAYS = tuple(name for name, entry in METHODS.items() if entry.auto)


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_stored_says_what_was_said(name: str) -> None:
    of = problem(known=3, sources=2)
    found = tried(name, of)
    np.testing.assert_allclose(
        SCORERS[found.head](of.target, found.tensors, found.settings), found.probabilities, atol=1e-4
    )
    assert found.probabilities.shape == (45, 3)
    assert found.settings["n_features"] == 8
    assert found.source_rows.tolist() == list(range(60))
    np.testing.assert_allclose(found.source_probabilities.sum(axis=1), 1, atol=1e-5)
    assert found.scores.known is not None
    assert (found.scores.circular is None) == METHODS[name].labels
    assert (found.name, found.precisions, found.widths) == (name, ("f32",), (8,))


def test_centring_follows_a_move_and_its_scores_say_so() -> None:
    of = problem(shift=4.0)
    plain, centred = tried("source-only", of), tried("center", of)
    right = [np.mean(each.probabilities.argmax(axis=1) == TRUTH) for each in (plain, centred)]
    assert right[1] > right[0] + 0.05
    assert centred.scores.circular is not None and plain.scores.circular is not None
    assert centred.scores.circular > plain.scores.circular
    assert centred.scores.known is None and centred.scores.agreement is None


def test_source_examples_are_held_out() -> None:
    of = problem()
    rng = np.random.default_rng(0)
    # Labels without meaning, and features enough to learn each by heart.
    X = rng.normal(size=(60, 200)).astype(np.float32)
    noise = Problem(
        X, of.y, 3, X[:45], of.known_rows, of.known_y, of.domains, 1.0, 100.0, np.ones(60), 0, principal_axes(X, X, 0)
    )
    found = tried("source-only", noise)
    assert np.mean(found.probabilities.argmax(axis=1) == noise.y[:45]) == 1.0
    assert np.mean(found.source_probabilities.argmax(axis=1) == noise.y) < 0.6


def test_known_examples_are_judged_without_their_own_label() -> None:
    of = problem(known=5)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 200)).astype(np.float32)
    target = rng.normal(size=(45, 200)).astype(np.float32)
    noise = Problem(
        X, of.y, 3, target, of.known_rows, of.known_y, of.domains, 1.0, 100.0, np.ones(60), 0, principal_axes(X, X, 0)
    )
    found = tried("source-only", noise)
    assert np.mean(found.probabilities[of.known_rows].argmax(axis=1) == of.known_y) == 1.0
    assert found.scores.known is not None and found.scores.known < 0.8


@pytest.mark.parametrize("counts", [(10, 1), (10, 5, 1), (1, 1, 10)])
def test_a_class_of_one_example(counts: tuple[int, ...]) -> None:
    found = tried("center", problem(counts))
    assert np.isfinite(found.source_probabilities).all()
    np.testing.assert_allclose(found.source_probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["source-only", "coral", "tradaboost"])
def test_one_known_label_and_a_domain_of_one_example(name: str) -> None:
    of = problem(known=1)
    domains = np.zeros(60, int)
    domains[-1] = 1
    one = Problem(of.X, of.y, 3, of.target, of.known_rows[:1], of.known_y[:1], domains, 1, 1, of.weights, 0, of.axes)
    found = tried(name, one)
    assert found.scores.known in (0.0, 1.0)
    assert np.isfinite(found.source_probabilities).all()


def test_another_name_for_people() -> None:
    assert tried("source-only", problem(), called="adabn").name == "adabn"
