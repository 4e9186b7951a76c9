"""What links say on a source is carried over to the links of a target, and nothing is where it does not help."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.relations.links import Links, make_links
from regraft.relations.relational import learn_relations, relate
from regraft.relations.smoothing import Smoothed

NAMES = ("ant", "bee", "cow")


def made(n: int, rate: float, seed: int, kind: str = "nest", strength: float = 0.8) -> tuple[Links, Any, Any]:
    """Return links of which `rate` agree, the classes, and probabilities that are right about half the time."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    first = rng.integers(0, n - n // 10, 2 * n)  # the last tenth has no links
    other = (y[first] + rng.integers(1, 3, 2 * n)) % 3
    wanted = np.where(rng.random(2 * n) < rate, y[first], other)
    linked = np.arange(n - n // 10)
    second = [rng.choice(linked[y[linked] == c]) for c in wanted]
    logits = strength * np.eye(3)[y] + rng.normal(0, 0.8, (n, 3)) * strength
    p = np.exp(logits / 0.8) / np.exp(logits / 0.8).sum(axis=1, keepdims=True)
    return make_links(np.column_stack([first, second]), n, [kind] * (2 * n)), y, p


def accuracy(p: np.ndarray, y: np.ndarray) -> float:
    return float((p.argmax(axis=1) == y).mean())


@pytest.mark.parametrize("rate", [0.85, 0.02])
def test_links_help_a_target_whether_they_agree_or_differ(rate: float) -> None:
    relations = learn_relations(*made(300, rate, 0), NAMES)
    assert relations.amount > 0
    assert relations.gain is not None
    assert relations.gain.log_loss_smoothed < relations.gain.log_loss
    links, y, p = made(300, rate, 1)
    after, notes = relate(relations, links, p)
    assert accuracy(after, y) > accuracy(p, y) + 0.05
    np.testing.assert_array_equal(after[270:], p[270:])
    np.testing.assert_allclose(after.sum(axis=1), 1)
    linked = len(np.unique(links.edges))
    changed = int((after.argmax(axis=1) != p.argmax(axis=1)).sum())
    assert notes[0] == (
        f"{linked} of 300 examples have links that tell something, and {changed} are named otherwise for them; "
        f"the other {300 - linked} keep their predictions"
    )
    assert "held out, links take the accuracy from" in relations.sentences()[-1]


def test_links_at_chance_change_nothing() -> None:
    links, y, p = made(300, 1 / 3, 2)
    relations = learn_relations(links, y, p, NAMES)
    assert relations.amount == 0
    after, notes = relate(relations, links, p)
    np.testing.assert_array_equal(after, p)
    assert notes == ("no type of link tells anything about the class on the source: predictions are not smoothed",)
    assert relations.sentences()[-1] == notes[0]


def test_links_that_agree_but_do_not_help_are_not_used() -> None:
    """Held-out predictions are all right already: nothing can get better."""
    links, y, _ = made(300, 0.6, 3)
    relations = learn_relations(links, y, np.eye(3)[y], NAMES)
    assert relations.strengths[0].tells
    assert relations.amount == 0
    assert "did not make its held-out predictions better" in relations.reason


def test_few_linked_examples_cannot_show_anything() -> None:
    edges = [(i, j) for i in range(9) for j in range(i) if (i < 4) != (j < 4)]
    y = np.array([0] * 4 + [1] * 5 + [0, 1] * 10)
    links = make_links(edges, 29)
    relations = learn_relations(links, y, np.full((29, 2), 0.5), ("ant", "bee"))
    assert relations.strengths[0].tells
    assert "only 9 examples of the source are linked, and 10 are needed" in relations.reason


def test_types_that_were_not_learnt_or_tell_nothing_are_said_and_not_used() -> None:
    good, y, p = made(300, 0.85, 0)
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 300, (400, 2))
    both = make_links(np.concatenate([good.edges, noise]), 300, ["nest"] * len(good) + ["noise"] * len(noise))
    relations = learn_relations(both, y, p, NAMES)
    links, _, q = made(300, 0.85, 1)
    plain, _ = relate(relations, links, q)
    more = make_links(
        np.concatenate([links.edges, noise, noise[:50]]),
        300,
        ["nest"] * len(links) + ["noise"] * len(noise) + ["road"] * 50,
    )
    after, notes = relate(relations, more, q)
    np.testing.assert_allclose(after, plain, atol=1e-12)
    assert any("links of the type 'noise' tell nothing on the source" in note for note in notes)
    assert any("links of the type 'road' are not among those of the source: " in note for note in notes)
    alone, notes = relate(relations, make_links(noise, 300, ["road"] * len(noise)), q)
    np.testing.assert_array_equal(alone, q)
    assert notes[-1] == "no link is left to smooth predictions over"


def test_a_known_label_is_kept_and_heard() -> None:
    relations = learn_relations(*made(300, 0.85, 0), NAMES)
    p = np.array([[1.0, 0, 0], [0.3, 0.4, 0.3], [0.3, 0.4, 0.3]])
    after, _ = relate(relations, make_links([[0, 1]], 3, ["nest"]), p)
    assert after[0].argmax() == 0
    assert after[1].argmax() == 0
    assert after[2].tolist() == [0.3, 0.4, 0.3]


def test_heavier_links_say_more() -> None:
    relations = learn_relations(*made(300, 0.6, 0), NAMES)
    p = np.array([[0.9, 0.05, 0.05], [1 / 3, 1 / 3, 1 / 3]])
    light, heavy = (relate(relations, make_links([[0, 1]], 2, ["nest"], [w]), p)[0][1, 0] for w in (0.5, 2.0))
    assert heavy > light > 1 / 3


def test_not_settled_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    relations = learn_relations(*made(300, 0.85, 0), NAMES)
    links, _, p = made(300, 0.85, 1)
    monkeypatch.setattr("regraft.relations.relational.propagate", lambda p, *rest: Smoothed(p, 200, False))
    assert "predictions had not settled after 200 passes" in relate(relations, links, p)[1][-1]


@pytest.mark.parametrize(
    ("n", "p", "words"),
    [
        (3, np.full((3, 2), 0.5), r"must have a row an example and 3 columns, not the shape \(3, 2\)"),
        (3, np.full((3, 3), 0.5), "must sum to 1 in each row"),
        (3, np.full((3, 3), np.nan), "must sum to 1 in each row"),
        (9, np.full((3, 3), 1 / 3), "links must join examples 0 to 2, and one joins 8"),
    ],
)
def test_wrong_probabilities(n: int, p: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        learn_relations(make_links([[0, n - 1]], n), np.zeros(3, int), p, NAMES)


@pytest.mark.parametrize("y", [[0, 1], [0, 1, 3], [-1, 0, 1]])
def test_wrong_classes(y: list[int]) -> None:
    with pytest.raises(DataError, match="y must be 3 class indices from 0 to 2"):
        learn_relations(make_links([[0, 1]], 3), y, np.full((3, 3), 1 / 3), NAMES)


def test_no_links_at_all_teach_nothing() -> None:
    links, y, p = made(60, 0.85, 0)
    relations = learn_relations(links.take(np.zeros(len(links), bool)), y, p, NAMES)
    assert (relations.strengths, relations.amount) == ((), 0.0)
    assert "no type of link tells anything" in relations.reason
    after, notes = relate(relations, links, p)
    np.testing.assert_array_equal(after, p)
    assert notes == (relations.reason,)
