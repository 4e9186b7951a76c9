"""Learnt classes beside a head's own: the shares they get, what is unlike them, and how they are stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.growth import Growth

WIDTHS = (4, 3)
RNG = np.random.default_rng(0)
GROWTH = Growth(
    mean=np.zeros(7, np.float32),
    coef=np.array([np.eye(7)[0], np.eye(7)[1], 3 * np.eye(7)[2]], np.float16),
    intercept=np.array([0.0, 0.5, -1.0], np.float32),
    directions=np.zeros((0, 7), np.float16),
    widths=WIDTHS,
    costs=(0.01,),
    limits=(None,),
    conformal=Conformal.fit(np.full((30, 3), 1 / 3), np.arange(30) % 3),
)
FEATURES = RNG.normal(size=(9, 7)).astype(np.float32)
SAID = RNG.dirichlet(np.ones(2), size=9)


def test_the_discriminants_share_and_the_head_divides() -> None:
    found = GROWTH.apply(FEATURES, SAID)
    roots = np.sign(FEATURES) * np.sqrt(np.abs(FEATURES))
    blocks = [roots[:, :4], roots[:, 4:]]
    roots = np.concatenate([block / np.linalg.norm(block, axis=1, keepdims=True) for block in blocks], axis=1)
    odds = np.exp(roots / np.sqrt(2) @ GROWTH.coef.astype(float).T + GROWTH.intercept)
    shares = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[:, 2], shares[:, 2], rtol=1e-5)
    np.testing.assert_allclose(found[:, :2], shares[:, :2].sum(axis=1, keepdims=True) * SAID, rtol=1e-5)
    assert GROWTH.apply(FEATURES[:0], SAID[:0]).shape == (0, 3)
    assert GROWTH.base == 2


def test_it_stands_beside_the_classes_it_was_learnt_beside() -> None:
    with pytest.raises(ValueError, match="stand beside 2 others, not beside 1"):
        GROWTH.apply(FEATURES, SAID[:, :1])


def test_what_is_named_by_the_head_is_judged_as_before() -> None:
    familiarity = OutOfDistribution.fit(RNG.normal(size=(60, 7)).astype(np.float32), widths=WIDTHS)
    familiarity = replace(familiarity, doubt=(0.3, 0.2))
    p = GROWTH.apply(FEATURES, SAID)
    of_head = p.argmax(axis=1) < 2
    assert 0 < of_head.sum() < 9
    scores = familiarity.score(FEATURES, SAID)
    for threshold in np.quantile(scores, [0.2, 0.5, 0.8]):
        judge = replace(familiarity, threshold=float(threshold))
        marked = GROWTH.unfamiliar(judge, FEATURES, p)
        assert marked[of_head].tolist() == (scores > threshold)[of_head].tolist()
        assert not marked[~of_head].any()  # too few images of the learnt class to tell
        limited = replace(GROWTH, limits=(-9.0,)).unfamiliar(judge, FEATURES, p)  # never below the others' threshold
        assert limited[~of_head].tolist() == (familiarity.score(FEATURES, p) > threshold)[~of_head].tolist()


def test_it_is_stored_and_checked() -> None:
    tensors, settings = GROWTH.state()
    again = Growth.from_state(tensors, settings)
    np.testing.assert_array_equal(again.apply(FEATURES, SAID), GROWTH.apply(FEATURES, SAID))
    assert again.conformal is not None and again.conformal.n == 30
    alone = Growth.from_state(*replace(GROWTH, conformal=None).state())
    assert alone.conformal is None
    for array, setting in (
        ({"coef": tensors["coef"][:, 1:]}, {}),
        ({"intercept": tensors["intercept"][1:]}, {}),
        ({"directions": tensors["directions"][:, 1:]}, {}),
        ({}, {"limits": []}),
        ({}, {"costs": [], "limits": []}),
        ({}, {"costs": [0.01] * 3, "limits": [None] * 3}),
        ({}, {"widths": [4, 4]}),
    ):
        with pytest.raises(ValueError, match="learnt classes of the shapes"):
            Growth.from_state({**tensors, **array}, {**settings, **setting})
