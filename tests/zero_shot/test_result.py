"""What is known of each class, in words and figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from regraft.evaluation.metrics import evaluate
from regraft.zero_shot.result import Grounds, ZeroShot, overall

FAR = Grounds("tulip", "far", (("tusker", 0.3),))
NEAR = Grounds("cat", "near", (("tiger cat", 0.7), ("lynx", 0.5)))
REST = Grounds("other", "rest")


def test_grounds_in_words():
    assert FAR.text == "like nothing in the source: tusker 0.30"
    assert NEAR.text == "like tiger cat 0.70, lynx 0.50"
    assert Grounds("a", "source class", (("daisy", 1.0),)).text == "a class of the source: daisy"
    assert (REST.text, Grounds("a", "trained").text, Grounds("a", "prompt").text) == (
        "all that the others are not",
        "learnt from images",
        "by its name",
    )
    assert NEAR.to_dict()["nearest"][0] == {"class": "tiger cat", "similarity": 0.7}


def test_that_there_is_little_to_go_on():
    assert overall((NEAR, REST)) is None
    none = overall((FAR, REST))
    assert none is not None
    assert none.startswith("ConSE has little to go on: none of the described classes is like any")
    most = overall((FAR, FAR, NEAR))
    assert most is not None
    assert most.startswith("ConSE has little to go on for 2 of 3 classes (tulip, tulip): most classes are not in")
    some = overall((FAR, NEAR, NEAR))
    assert some is not None
    assert "some classes are not in the source" in some


def measured(y: list[int], rows: list[int], names: tuple[str, ...], kinds: list[Any]) -> ZeroShot:
    found = evaluate(np.array(y), np.eye(len(names))[rows], names)
    return ZeroShot(cast(Any, SimpleNamespace()), tuple(map(Grounds, names, kinds)), found)


def test_figures_of_each_class():
    found = measured([0, 0, 1, 1], [0, 0, 1, 0], ("a", "b", "c"), ["near"] * 3)
    assert found.per_class["a"]["accuracy_ci95"] == pytest.approx([0.342, 1.0], abs=1e-3)
    assert (found.per_class["b"]["accuracy"], found.per_class["b"]["n"]) == (0.5, 2)
    assert (found.per_class["c"]["accuracy"], found.per_class["c"]["accuracy_ci95"]) == (None, None)
    assert found.generalized is None
    assert found.to_dict()["accuracy"] == 0.75
    assert set(found.to_dict()["per_class"]) == {"a", "b", "c"}


def test_the_harmonic_mean():
    found = measured([0, 0, 1, 1], [0, 0, 1, 0], ("a", "b", "c"), ["trained", "near", "near"])
    assert found.generalized == {"trained": 1.0, "described": 0.5, "harmonic_mean": pytest.approx(2 / 3)}
    assert found.to_dict()["generalized"]["described"] == 0.5
    none = measured([0, 0], [1, 1], ("a", "b"), ["trained", "near"])
    assert none.generalized == {"trained": 0.0, "described": None, "harmonic_mean": None}
    both = measured([0, 1], [1, 0], ("a", "b"), ["trained", "near"])
    assert both.generalized == {"trained": 0.0, "described": 0.0, "harmonic_mean": 0.0}


def test_without_figures():
    found = ZeroShot(cast(Any, SimpleNamespace()), (NEAR,))
    assert (found.per_class, found.generalized) == ({}, None)
    assert "accuracy" not in found.to_dict()
