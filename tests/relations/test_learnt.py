"""What was learnt survives as JSON, and damaged values are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft.errors import BundleError
from regraft.relations.learnt import Relations
from regraft.relations.links import Links, make_links
from regraft.relations.relational import learn_relations, relate

NAMES = ("ant", "bee", "cow")


def learnt() -> tuple[Links, np.ndarray, Relations]:
    """Return pairs that always agree, probabilities that are often wrong, and what is learnt from them."""
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 3, 100), 2)
    p = np.exp(1.5 * np.eye(3)[y] + rng.normal(size=(200, 3)))
    p /= p.sum(axis=1, keepdims=True)
    links = make_links(np.arange(200).reshape(-1, 2), 200)
    return links, p, learn_relations(links, y, p, NAMES)


def test_stored_as_json() -> None:
    links, p, relations = learnt()
    again = Relations.from_dict(json.loads(json.dumps(relations.to_dict())))
    np.testing.assert_array_equal(relate(again, links, p)[0], relate(relations, links, p)[0])
    assert again.sentences() == relations.sentences()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.pop("amount"), "the stored relations cannot be read"),
        (lambda v: v.update(strengths=[{"kind": "x"}]), "the stored relations cannot be read"),
        (lambda v: v.update(gain={"x": 1}), "the stored relations cannot be read"),
        (lambda v: v.update(class_names=["a", "b"]), "must have positive tables of 2 x 2 classes"),
        (lambda v: v.update(amount=99.0), "and have not: save the classifier anew"),
        (lambda v: v.update(gain=None), "and have not: save the classifier anew"),
        (lambda v: v["strengths"][0].update(weight=0), "and have not: save the classifier anew"),
        (lambda v: v["strengths"][0]["joint"][0].__setitem__(0, float("nan")), "and have not: save the classifier"),
    ],
)
def test_damaged(change: Callable[[dict[str, Any]], Any], words: str) -> None:
    values = json.loads(json.dumps(learnt()[2].to_dict()))
    change(values)
    with pytest.raises(BundleError, match=words):
        Relations.from_dict(values)
