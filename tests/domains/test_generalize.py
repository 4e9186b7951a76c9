"""Each domain left out in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.data.domains import join
from regraft.domains.generalize import generalize
from regraft.domains.generalized import Generalized
from regraft.errors import DataError, UsageError

Make = Callable[..., Dataset]
Tiny = dict[str, Any]


@pytest.fixture(scope="module")
def lights(make: Make) -> Dataset:
    """Three domains; one is so dark that a classifier of the others is lost there."""
    return join(
        {
            "noon": make((8, 8, 8), seed=1),
            "evening": make((8, 8, 8), light=-20, seed=2),
            "night": make((8, 8, 8), light=-110, seed=3, noise=30),
        }
    )


@pytest.fixture(scope="module")
def found(lights: Dataset, tiny: Tiny) -> Generalized:
    return generalize(lights, **tiny)


def test_each_domain_is_left_out_once(found: Generalized) -> None:
    assert [each.domain for each in found.domains] == ["evening", "night", "noon"]
    assert [each.n for each in found.domains] == [24, 24, 24]
    assert found.worst.domain == "night"
    assert found.accuracy == pytest.approx(np.mean([each.accuracy for each in found.domains]))
    for each in found.domains:
        assert each.accuracy_ci95[0] <= each.accuracy <= each.accuracy_ci95[1]
        assert each.cost == pytest.approx(each.seen - each.accuracy)
        assert (each.method, each.adapted) == (None, None)
    assert "A domain never seen is named with accuracy" in found.sentences[0]


def test_a_random_split_promises_more(found: Generalized) -> None:
    night = found.worst
    assert night.seen > night.accuracy + 0.2
    assert night.cost_ci95[0] > 0


def test_the_domain_s_labels_do_not_teach(lights: Dataset, found: Generalized, tiny: Tiny) -> None:
    # Of another order, the labels of a domain change its figure and no other's classifier of it.
    from dataclasses import replace

    from regraft.data.dataset import TASK

    y = lights.y.copy()
    night = lights.domain == "night"
    y[night] = (y[night] + 1) % 3
    other = generalize(replace(lights, labels={TASK: y}), **tiny)
    before, after = (next(each for each in run.domains if each.domain == "night") for run in (found, other))
    assert before.head == after.head
    assert before.accuracy != after.accuracy


def test_adapted_to_each(lights: Dataset, tiny: Tiny) -> None:
    found = generalize(lights, method="center", **tiny)
    assert [each.method for each in found.domains] == ["center"] * 3
    assert found.adapted is not None and found.adapted > found.accuracy
    assert "Adapted to each domain without its labels" in found.sentences[1]
    assert found.to_dict()["domains"]["night"]["adapted"] == found.worst.adapted


def test_classes_that_no_other_domain_has_are_left_out(make: Make, tiny: Tiny) -> None:
    data = {"a": make((6, 6)), "b": make((6, 6, 6), seed=1), "c": make((6, 6), seed=2)}
    found = generalize(data, **tiny)
    left = next(each for each in found.domains if each.domain == "b")
    assert (left.unknown, left.n) == (("red",), 12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "nothing"}, "--method must be auto, all or some of"),
        ({"seed": -1}, "--seed must be 0 or above"),
        ({"layer": "auto"}, "--layer must be a stage here"),
    ],
)
def test_what_is_refused(settings: Tiny, words: str, lights: Dataset, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match=words):
        generalize(lights, **{**tiny, **settings})


def test_there_must_be_two_domains(day: Dataset, make: Make, tiny: Tiny) -> None:
    with pytest.raises(DataError, match="There must be two domains or more to leave one out, but day has none"):
        generalize(day, **tiny)
    with pytest.raises(DataError, match=r"but .* has only 'a'"):
        generalize(make(domain=np.full(30, "a")), **tiny)
    with pytest.raises(DataError, match="'b' has 3; add some, or leave the domain out"):
        generalize({"a": make((6, 6, 6)), "b": make((1, 1, 1), seed=1)}, **tiny)


def test_domains_must_share_classes(make: Make, tiny: Tiny) -> None:
    data = {"a": make((6, 6, 6)), "b": make((6, 6), seed=1, classes=("pink", "grey"))}
    with pytest.raises(DataError, match="'a' must share a class with the other domains, but shares none"):
        generalize(data, **tiny)
