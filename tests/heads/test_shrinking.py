"""A head without one of its classes: the others keep their odds, and nothing of it is left."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import UsageError
from regraft.heads import HEADS, build_head
from regraft.heads.scoring import SCORERS
from regraft.heads.shrinking import shrunk

RNG = np.random.default_rng(0)
Y = np.arange(60) % 4
X = (RNG.normal(size=(60, 7)) + 2 * RNG.normal(size=(4, 7))[Y]).astype(np.float32)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("label", [0, 2, 3])
def test_the_others_keep_their_odds(head: str, label: int) -> None:
    settings = {"units": (5,), "epochs": 2} if head == "mlp" else {}
    tensors, learnt = build_head(head, **settings).fit(X, Y).state()
    fewer, kept = shrunk(head, tensors, learnt, label)
    before = np.delete(SCORERS[head](X, tensors, learnt), label, axis=1)
    after = SCORERS[head](X, fewer, kept)
    assert after.shape == (60, 3)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    if head == "knn":  # neighbours of the class make room for others
        others = label != Y
        assert (after.argmax(axis=1) == before.argmax(axis=1))[others].mean() > 0.95
        assert set(fewer["labels"].tolist()) == {0, 1, 2} and len(fewer["examples"]) == 45
    else:
        np.testing.assert_allclose(after, before / before.sum(axis=1, keepdims=True), rtol=2e-3, atol=1e-6)


def test_what_is_gone_cannot_be_told_from_what_is_left() -> None:
    tensors, settings = build_head("logistic").fit(X, Y).state()
    assert np.abs(tensors["coef"].sum(axis=0)).max() < 1e-3  # so minus the others would be the one that is gone
    fewer, _ = shrunk("logistic", tensors, settings, 1)
    assert np.abs(fewer["coef"].sum(axis=0)).max() < 1e-3
    assert np.abs(tensors["coef"][1]).max() > 0.1


def test_described_classes_lose_what_speaks_for_them() -> None:
    tensors = {"coef": X[:5], "intercept": np.zeros(5, np.float32), "evidence": np.ones((5, 3), np.float32)}
    fewer, settings = shrunk("zero_shot", tensors, {}, 1)
    assert SCORERS["zero_shot"](X, fewer, settings).shape == (60, 2)


def test_other_heads_are_refused() -> None:
    with pytest.raises(UsageError, match=r"one of logistic, source, .* to forget a class .*, not generalized; make it"):
        shrunk("generalized", {}, {}, 0)
