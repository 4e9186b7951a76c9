"""A sentence about two domains that says what the numbers say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from regraft.adaptation.class_drift import ClassDrift
from regraft.adaptation.difference import DomainDifference, domain_difference
from regraft.adaptation.maximum_mean_discrepancy import Discrepancy
from regraft.adaptation.proxy_distance import ProxyDistance

NAMES = ("ant", "bee", "cow")


def made(shift: float, shares: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3), seed: int = 0) -> DomainDifference:
    rng = np.random.default_rng(seed)
    y, z = rng.integers(0, 3, 150), rng.choice(3, 150, p=shares)
    source, target = (rng.normal(size=(150, 8)) + 4 * np.eye(8)[each] for each in (y, z))
    target[z == 1] += shift
    return domain_difference(source, target, y, z, NAMES)


def test_one_distribution() -> None:
    found = made(0.0)
    assert not found.is_different
    assert "no more than chance explains" in found.sentence()
    assert "moved" not in found.sentence()


def test_one_class_has_moved() -> None:
    found = made(3.0)
    assert found.is_different
    said = found.sentence()
    assert said.startswith(f"a classifier tells source from target {found.proxy.accuracy:.0%} of the time")
    assert "differ by more than chance explains" in said
    assert "bee has moved most, by 2.9 times the spread of a class in the source" in said
    assert "ant" not in said


def test_two_classes_are_named_and_small_drifts_are_not() -> None:
    far = DomainDifference(
        ProxyDistance(1.0, (0.8, 1.2), 0.75, (0.7, 0.8), 9, 9),
        Discrepancy(0.0, 0.5, 1.0, 9, 9),
        tuple(
            ClassDrift(name, drift, 0.3, 0.3, 3, 3) for name, drift in zip("abcd", (0.1, 0.5, 2.0, 1.0), strict=True)
        ),
        9,
        9,
    )
    assert "; c and d have moved most, by 2.0 and 1.0 times the spread" in far.sentence()
    assert "no more than chance explains, as far as this coarser test sees" in far.sentence()
    still = replace(far, classes=far.classes[:1])
    assert "moved" not in still.sentence()


@pytest.mark.parametrize(
    ("shares", "words"),
    [((0.8, 0.1, 0.1), "ant is "), ((0.5, 0.5, 0.0), "the target has no cow; ")],
)
def test_classes_of_other_shares(shares: tuple[float, float, float], words: str) -> None:
    assert words in made(0.0, shares).sentence()


def test_json_and_the_same_seed() -> None:
    found = made(1.0)
    assert found == made(1.0)
    values = json.loads(json.dumps(found.to_dict()))
    assert values["sentence"] == found.sentence()
    assert values["different"] is True
    assert [each["name"] for each in values["classes"]] == list(NAMES)
    assert (values["n_source"], values["n_target"]) == (150, 150)
    assert 0 <= values["proxy_a_distance"]["distance"] <= 2
    assert values["mmd"]["p_value"] < 0.05


def test_examples_of_no_class_count() -> None:
    rng = np.random.default_rng(0)
    found = domain_difference(rng.normal(size=(20, 2)), rng.normal(size=(8, 2)), [0, 1] * 10, [-1] * 8, NAMES[:2])
    assert (found.n_source, found.n_target) == (20, 8)
    assert "the target has no ant, bee" in found.sentence()
