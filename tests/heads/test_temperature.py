import numpy as np
import pytest

from regraft.heads.temperature import fit_temperature


def test_finds_the_temperature_that_logits_were_spoilt_by():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20000, 4)) * 2
    proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (proba.cumsum(1) > random.random((20000, 1))).argmax(1)
    scale, loss = fit_temperature(logits * 5, y)
    assert scale == pytest.approx(1 / 5, rel=0.05)
    assert loss == pytest.approx(-np.log(proba[np.arange(20000), y]).mean(), rel=0.01)


@pytest.mark.parametrize(("right", "most"), [(5, 0.97), (500, 0.9999)])
def test_all_right_is_not_certain(right, most):
    logits = np.eye(2)[np.zeros(right, int)]
    scale, _ = fit_temperature(logits, np.zeros(right, int))
    assert 0.8 < 1 / (1 + np.exp(-scale)) < most


def test_worthless_logits_become_even_odds():
    logits = np.random.default_rng(0).normal(size=(2000, 3)) * 10
    scale, loss = fit_temperature(logits, np.arange(2000) % 3)
    assert scale < 0.02
    assert loss == pytest.approx(np.log(3), rel=0.01)


def test_a_weight_is_as_many_copies():
    random = np.random.default_rng(0)
    logits, y, times = random.normal(size=(4000, 3)) * 3, random.integers(0, 3, 4000), random.integers(0, 4, 4000)
    y[:3000] = logits[:3000].argmax(axis=1)
    found = fit_temperature(logits, y, times)
    assert found == pytest.approx(fit_temperature(np.repeat(logits, times, axis=0), np.repeat(y, times)), rel=0.01)
    assert fit_temperature(logits, y, np.zeros(4000)) == fit_temperature(logits, y)
