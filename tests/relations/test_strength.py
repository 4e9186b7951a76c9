"""How much linked examples agree: by hand on small graphs, and no more often than 5% where links are random."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regraft.relations.links import make_links
from regraft.relations.strength import Strength, components, learn_strengths


def pairs(same: int, other: int) -> tuple[np.ndarray, np.ndarray]:
    """Return that many separate pairs of one class and of two, both classes as frequent, and the classes."""
    y = np.concatenate([np.repeat(np.arange(same) % 2, 2), np.tile([0, 1], other)])
    return np.arange(2 * (same + other)).reshape(-1, 2), y


def test_by_hand() -> None:
    edges, y = pairs(60, 20)
    (found,) = learn_strengths(make_links(edges, len(y)), y, 2)
    assert found.agreement == 0.75
    assert found.chance == 0.5
    assert found.assortativity == 0.5
    assert found.ci95[0] < 0.75 < found.ci95[1]
    assert found.joint.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.joint, found.joint.T)
    # Two classes as frequent: odds of agreement are those of the diagonal, but for the one link that knows nothing.
    assert np.trace(found.joint) == pytest.approx(0.75, abs=0.005)
    assert found.sentence().startswith("linked: 75% of 80 links agree [")


def test_opposites_attract() -> None:
    edges, y = pairs(10, 70)
    (found,) = learn_strengths(make_links(edges, len(y)), y, 2)
    assert found.tells
    assert found.assortativity < -0.5
    assert found.joint[0, 1] > 3 * found.joint[0, 0]


@pytest.mark.parametrize(("same", "other"), [(40, 40), (2, 0), (1, 0)])
def test_chance_and_too_few_tell_nothing(same: int, other: int) -> None:
    edges, y = pairs(same, other)
    (found,) = learn_strengths(make_links(edges, len(y)), y, 2)
    assert not found.tells
    assert found.assortativity == 0
    assert found.sentence().endswith("that tells nothing, and they are not used")


def test_many_links_of_few_examples_are_few_facts() -> None:
    """Two groups of six, all linked: 30 links agree, but two groups of one class each are no law."""
    group = [(i, j) for i in range(6) for j in range(i)]
    edges = np.array([*group, *[(i + 6, j + 6) for i, j in group]])
    (clique,) = learn_strengths(make_links(edges, 12), np.repeat([0, 1], 6), 2)
    pair_edges, y = pairs(30, 0)
    (separate,) = learn_strengths(make_links(pair_edges, 60), y, 2)
    assert clique.agreement == separate.agreement == 1
    assert clique.ci95[0] < separate.ci95[0]


@pytest.mark.parametrize("size", [2, 5])
def test_random_links_seldom_tell(size: int) -> None:
    told = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        groups = rng.permutation(120).reshape(-1, size)
        edges = np.concatenate([groups[:, [i, j]] for i in range(size) for j in range(i)])
        told += learn_strengths(make_links(edges, 120), rng.integers(0, 3, 120), 3, seed)[0].tells
    assert told <= 4  # of 30, where 1 or 2 are expected


def test_types_and_weights() -> None:
    edges, y = pairs(40, 40)
    kinds = ["same" if a == b else "other" for a, b in y[edges]]
    other, same = learn_strengths(make_links(edges, len(y), kinds), y, 2)
    assert (other.kind, other.agreement, same.kind, same.agreement) == ("other", 0, "same", 1)
    weights = np.where(np.array(kinds) == "same", 3.0, 1.0)
    (weighed,) = learn_strengths(make_links(edges, len(y), weights=weights), y, 2)
    assert weighed.agreement == 0.75
    assert weighed.weight == 2


def test_a_pattern_of_classes_is_found_where_links_are_many() -> None:
    """Class 0 is linked with 1, and 2 with itself: agreement alone would not tell 0 and 1 from 2."""
    y = np.tile([0, 1, 2, 2], 150)
    (found,) = learn_strengths(make_links(np.arange(600).reshape(-1, 2), 600), y, 3)
    assert found.joint[0, 1] > 10 * found.joint[0, 0]
    assert found.joint[2, 2] > 10 * found.joint[0, 2]
    # Where they are few, all classes agree alike.
    (few,) = learn_strengths(make_links(np.arange(8).reshape(-1, 2), 8), y[:8], 3)
    assert few.joint[0, 1] < 3 * few.joint[0, 0]


def test_stored() -> None:
    edges, y = pairs(30, 10)
    (found,) = learn_strengths(make_links(edges, len(y)), y, 2)
    again = Strength.from_dict(json.loads(json.dumps(found.to_dict())))
    np.testing.assert_array_equal(again.joint, found.joint)
    assert again.to_dict() == found.to_dict()
    assert again.tells == found.tells


def test_components() -> None:
    group = components(np.array([[0, 1], [1, 2], [4, 5]]), 6)
    assert group[0] == group[1] == group[2] != group[3]
    assert group[4] == group[5]
    assert len(set(group.tolist())) == 3


def test_same_seed_same_interval() -> None:
    edges, y = pairs(30, 10)
    one, two = (learn_strengths(make_links(edges, len(y)), y, 2, seed=3)[0].ci95 for _ in range(2))
    assert one == two
