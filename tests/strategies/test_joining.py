from dataclasses import replace

import numpy as np
import pytest

from regraft.heads.scoring import SCORERS, softmax
from regraft.result import Attempt
from regraft.strategies.joining import join, joinable
from regraft.strategies.network import Fitted

Y = np.array([0, 1, 2, 0, 1, 2, 2, 1])


def part(name, d, seed):
    """Return a linear classifier, and the features of the validation images that it is one of."""
    drawn = np.random.default_rng(seed)
    tensors = {"coef": drawn.standard_normal((3, d)).astype(np.float32), "intercept": np.ones(3, np.float32)}
    values = drawn.standard_normal((len(Y), d)).astype(np.float32)
    settings = {"n_features": d, "inverse_temperature": 1.0, "power": 1.0}
    probabilities = SCORERS["logistic"](values, tensors, settings)
    attempt = Attempt(name, 0.5, 1.0, len(Y), 100 * d, 2.0)
    return Fitted((name,), "logistic", tensors, settings, probabilities, attempt), values


def test_the_joined_head_gives_the_mean_of_the_logits():
    (first, a), (second, b), (third, c) = part("a", 4, 0), part("b", 6, 1), part("c", 2, 2)
    found = join([first, second, third], Y)
    assert (found.backbones, found.head) == (("a", "b", "c"), "logistic")
    assert found.tensors["coef"].shape == (3, 12)
    assert found.settings["n_features"] == 12
    logits = np.mean([np.log(part.probabilities) for part in (first, second, third)], axis=0)
    scale = found.settings["inverse_temperature"]
    np.testing.assert_allclose(found.probabilities, softmax(scale * logits), rtol=1e-5)
    side_by_side = np.concatenate([a, b, c], axis=1)
    scored = SCORERS["logistic"](side_by_side, found.tensors, found.settings)
    np.testing.assert_allclose(scored, found.probabilities, rtol=1e-4, atol=1e-6)


def test_its_attempt_is_the_sum_of_its_parts():
    first, second = part("a", 4, 0)[0], part("b", 6, 1)[0]
    found = join([first, second], Y)
    assert (found.attempt.name, found.attempt.trainable, found.attempt.seconds) == ("a + b", 1000, 4.0)
    assert found.attempt.accuracy == np.mean(found.probabilities.argmax(1) == Y)
    assert found.attempt.n == len(Y)


def test_what_can_be_joined():
    one = part("a", 4, 0)[0]
    assert joinable(one)
    assert not joinable(replace(one, head="mlp"))
    assert not joinable(replace(one, settings={**one.settings, "power": 0.5}))
    assert not joinable(replace(one, backbones=("a", "b")))
    assert not joinable(replace(one, probabilities=None))


def test_a_certain_classifier_can_be_joined():
    one, other = part("a", 4, 0)[0], part("b", 4, 1)[0]
    certain = replace(one, probabilities=np.eye(3)[Y])
    assert np.isfinite(join([certain, other], Y).probabilities).all()
    assert join([certain, other], Y).attempt.accuracy == pytest.approx(1.0)
