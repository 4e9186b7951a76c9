"""Which method is kept: by each rule, with known labels, where proportions differ, and when none is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from regraft.adaptation import RULES
from regraft.adaptation.selection import Scores, choose, scores_of, with_agreement
from regraft.adaptation.shift import Shift

MOVED = Shift(0.0, 0.5, 1.0, np.array([0.5, 0.5]), 0.0, 0.1, 100)
MIXED = Shift(0.5, 0.0, 1.0, np.array([0.8, 0.2]), 0.3, 0.9, 100)
BOTH = replace(MIXED, explained=0.1)


N = 100
"""Examples of the source."""


def scores(
    circular: float | None = 0.8,
    weighted: float = 0.8,
    risk: float = 0.5,
    information: float = 0.5,
    known: float | None = None,
    agreement: float | None = 0.9,
) -> Scores:
    return Scores(circular, weighted, risk, information, known, agreement)


def test_scores_by_hand() -> None:
    said = np.array([[1.0, 0.0], [0.0, 1.0]])
    held_out = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]])
    y, back = np.array([0, 1, 1]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = scores_of(said, held_out, y, np.array([1.0, 1.0, 2.0]), back, y, held_out[:1], np.array([1]))
    assert found.circular == pytest.approx(2 / 3)
    assert found.importance_weighted == pytest.approx(0.5)  # the third, of weight 2, is wrong
    assert found.information == pytest.approx(1)  # each surely, and both classes alike
    assert found.known == 0.0  # even odds go to the first class
    assert found.agreement is None
    losses, weights = -np.log([0.5, 0.8, 0.1]), np.array([1, 1, 2])
    slope = np.cov(losses * weights, weights)[0, 1] / weights.var(ddof=1)
    assert found.deep_embedded == pytest.approx(np.mean(losses * weights) - slope / 3)
    assert json.loads(json.dumps(found.to_dict()))["circular"] == found.circular


def test_what_cannot_be_known_is_none_and_unsure_names_tell_nothing() -> None:
    nothing = np.zeros((0, 2))
    said = np.full((4, 2), 0.5)
    found = scores_of(said, said, np.zeros(4, int), np.ones(4), None, np.zeros(4, int), nothing, np.zeros(0, int))
    assert (found.circular, found.known) == (None, None)
    assert found.information == pytest.approx(0)
    one = np.tile([1.0, 0.0], (4, 1))
    sure = scores_of(one, one, np.zeros(4, int), np.ones(4), None, np.zeros(4, int), nothing, np.zeros(0, int))
    assert sure.information == pytest.approx(0)


def test_agreement_is_with_all_together_and_proportions_are_not_asked() -> None:
    first, second = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.9, 0.1], [0.1, 0.9]])
    other = np.array([[0.0, 1.0], [1.0, 0.0]])
    given = {"source-only": scores(), "coral": scores(), "label-shift": scores()}
    found = with_agreement(given, {"source-only": first, "coral": second, "label-shift": other})
    assert {name: own.agreement for name, own in found.items()} == {
        "source-only": 0.5,
        "coral": 1.0,
        "label-shift": 0.0,
    }
    assert found["coral"].circular == given["coral"].circular


def test_the_mixture_is_the_mean_of_four_views() -> None:
    found = scores(0.9, 0.6, np.log(2), 0.3, agreement=0.7)
    assert found.mixture == pytest.approx((0.9 + 0.7 + 0.3 + (0.6 + 0.5) / 2) / 4)
    assert scores(None, 0.6, np.log(2), 0.3, agreement=None).mixture == pytest.approx((0.3 + 0.55) / 4)
    assert scores(risk=-1.0).mixture == scores(risk=0.0).mixture  # a control variate may overshoot
    assert found.to_dict()["mixture"] == found.mixture


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("circular", "coral"), ("importance-weighted", "tca"), ("deep-embedded", "subspace"), ("mixture", "kmm")],
)
def test_each_rule_has_its_own_favourite(rule: str, kept: str) -> None:
    given = {
        "source-only": scores(0.5, 0.5, 0.9, 0.1, agreement=0.5),
        "coral": scores(0.95, 0.5, 0.9, 0.2, agreement=0.6),
        "tca": scores(0.5, 0.95, 0.9, 0.3, agreement=0.5),
        "subspace": scores(0.5, 0.5, 0.1, 0.15, agreement=0.5),
        "kmm": scores(0.9, 0.6, 0.8, 0.9, agreement=0.95),
    }
    choice = choose(given, MOVED, 10, rule=rule)
    assert choice.name == kept
    assert not choice.fell_back
    assert choice.rule == f"Chosen by {RULES[rule]}; never by the labels that measure."
    assert choice.sentence == f"{kept} is kept: of 5 methods it scores best without the target's labels."


@pytest.mark.parametrize("rule", RULES)
def test_source_only_is_kept_where_no_score_is_better(rule: str) -> None:
    worse = scores(0.7, 0.7, 0.6, 0.4, agreement=0.8)
    for given in ({"source-only": scores(), "coral": worse}, {"source-only": scores(), "coral": scores()}):
        choice = choose(given, MOVED, N, rule=rule)
        assert (choice.name, choice.fell_back) == ("source-only", True)
        assert choice.sentence == "Source-only is kept: no method scores better than it."


def test_a_method_that_cannot_go_back_is_last_by_that_rule() -> None:
    given = {"source-only": scores(0.1), "dann": scores(None)}
    assert choose(given, MOVED, N, rule="circular").name == "source-only"


def test_a_method_that_most_others_contradict_is_no_candidate() -> None:
    given = {"source-only": scores(0.5, agreement=0.4), "coral": scores(0.9, agreement=0.49)}
    assert choose(given, MOVED, N).fell_back
    given["coral"] = scores(0.9, agreement=0.5)
    assert choose(given, MOVED, N).name == "coral"
    told = {"source-only": scores(0.5, known=0.4), "coral": scores(0.9, known=0.6, agreement=0.1)}
    assert choose(told, MOVED, N).name == "coral"  # what labels say counts more


@pytest.mark.parametrize(
    ("circular", "n", "kept"), [(0.5, 100, "source-only"), (0.6, 100, "tca"), (0.6, 400, "source-only")]
)
def test_a_method_that_goes_back_clearly_worse_is_no_candidate(circular: float, n: int, kept: str) -> None:
    given = {"source-only": scores(0.8), "tca": scores(circular, information=1.0)}
    choice = choose(given, MOVED, n)
    assert choice.name == kept
    assert choice.sentence.endswith("against it: tca.") == (kept != "tca")
    told = {"source-only": scores(0.8, known=0.4), "tca": scores(0.1, known=0.6)}
    assert choose(told, MOVED, n).name == "tca"  # what labels say counts more


def test_where_proportions_are_others_and_classes_have_moved_source_only_is_kept() -> None:
    given = {"source-only": scores(), "label-shift": scores(0.9), "coral": scores(0.99, 0.99, 0.0, 2.0)}
    choice = choose(given, BOTH, N)
    assert (choice.name, choice.fell_back) == ("source-only", True)
    assert choice.sentence == (
        "The target looks like the source's classes in other proportions (by 30%), and has moved as well: nothing that "
        "is tried here is made for both, and source-only is kept."
    )


def test_other_proportions_forbid_alignment() -> None:
    given = {"source-only": scores(), "label-shift": scores(0.1, agreement=0.1), "coral": scores(0.99, 0.99, 0.0, 2.0)}
    choice = choose(given, MIXED, N)
    assert (choice.name, choice.fell_back) == ("label-shift", False)
    assert choice.sentence.startswith("The target looks like the source's classes in other proportions (by 30%)")
    assert choice.sentence.endswith("label-shift is kept, which corrects for them.")
    del given["label-shift"]
    choice = choose(given, MIXED, N)
    assert (choice.name, choice.fell_back) == ("source-only", True)
    assert choice.sentence.endswith("was considered: source-only is kept.")


def test_a_correction_of_proportions_is_no_candidate_where_classes_moved() -> None:
    given = {"source-only": scores(), "label-shift": scores(0.99, 0.99, 0.0, 2.0, agreement=1.0)}
    choice = choose(given, MOVED, N)
    assert (choice.name, choice.fell_back) == ("source-only", True)


@pytest.mark.parametrize("shift", [MOVED, MIXED])
def test_known_labels_choose_whatever_the_shift_is_and_the_rule_among_equals(shift: Shift) -> None:
    given = {
        "source-only": scores(0.9, known=0.5),
        "label-shift": scores(0.2, known=0.7, information=0.1, agreement=0.2),
        "coral": scores(0.5, known=0.7),
        "tca": scores(0.99, known=0.6),
    }
    choice = choose(given, shift, N)
    assert choice.name == "coral"
    assert choice.rule.startswith("Chosen by accuracy on the target's known labels, each left out; among equals, ")
    assert choice.sentence == (
        "coral is kept: of 4 methods it scores best on the target's known labels, each left out."
    )
    given["source-only"] = scores(0.1, known=0.71)
    assert choose(given, shift, N).fell_back


def test_one_method_asked_for_is_kept_and_it_says_what_speaks_against_it() -> None:
    given = {"source-only": scores(0.9), "coral": scores(0.2), "tca": scores(0.95), "label-shift": scores(0.9)}
    choice = choose(given, MOVED, N, forced="coral")
    assert (choice.name, choice.fell_back) == ("coral", False)
    assert choice.rule == "Nothing was chosen: one method was asked for."
    assert choice.sentence == (
        "coral was asked for, and is kept. Beware: there and back it names 0.200 of the source rightly, and "
        "source-only 0.900."
    )
    assert choose(given, MOVED, N, forced="tca").sentence == "tca was asked for, and is kept."
    assert "Beware: the target looks like the source's classes in other proportions" in (
        choose(given, MIXED, N, forced="tca").sentence
    )
    assert "Beware" not in choose(given, MIXED, N, forced="label-shift").sentence
    told = {name: scores(0.9, known=0.5) for name in given}  # labels of the target say how frequent its classes are
    assert "Beware" not in choose(told, MIXED, N, forced="tca").sentence
    asked = choose(given, MOVED, N, forced="source-only")
    assert (asked.name, asked.fell_back) == ("source-only", False)
