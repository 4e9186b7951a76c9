import numpy as np
import pytest

from regraft.evaluation.calibration import Calibration, fit_calibration, tempered, uncalibrated
from regraft.evaluation.reliability import ece


def drawn(n, sharpness=1.0, k=2, seed=0):
    """Return probabilities whose logits are `sharpness` times the right ones, and classes drawn from the right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, k))
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.random(n)[:, None] > right.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    return tempered(right, sharpness), y


def bent(n, seed):
    """Return probabilities that are wrong in a way which no temperature mends, and classes."""
    p, y = drawn(n, seed=seed)
    p = p[:, 1] ** 3
    return np.stack([1 - p, p], axis=1), y


def test_temperature_mends_sure_probabilities_and_keeps_the_class():
    p, y = drawn(400, 3.0, k=4)
    new, truth = drawn(2000, 3.0, k=4, seed=1)
    fitted = fit_calibration(p, y)
    after = fitted.apply(new)
    assert fitted.method == "temperature"
    assert fitted.inverse_temperature == pytest.approx(1 / 3, rel=0.2)
    assert (after.argmax(axis=1) == new.argmax(axis=1)).all()
    assert ece(after, truth) < ece(new, truth) / 3


def test_right_probabilities_are_left_alone():
    p, y = drawn(1500)
    fitted = fit_calibration(p, y)
    assert fitted.method == "none"
    np.testing.assert_array_equal(fitted.apply(p), p)


def test_curves_mend_what_no_temperature_does():
    fitted = fit_calibration(*bent(4000, 0))
    new, truth = bent(4000, 1)
    after = fitted.apply(new)
    assert fitted.method == "isotonic"
    assert ece(after, truth) < ece(new, truth) / 3
    assert after.min() > 0
    assert after.max() < 1
    np.testing.assert_allclose(after.sum(axis=1), 1)


def test_curves_need_a_thousand_images():
    assert fit_calibration(*bent(900, 0)).method != "isotonic"


def test_few_images_change_nothing():
    assert fit_calibration([[0.9, 0.1]] * 9, np.arange(9) % 2).method == "none"


@pytest.mark.parametrize("held_out", [drawn(100), drawn(400, 3.0), bent(2000, 0)])
def test_state_brings_it_back(held_out):
    fitted = fit_calibration(*held_out)
    again = Calibration.from_state(*fitted.state())
    assert again.to_dict() == fitted.to_dict()
    np.testing.assert_array_equal(again.apply(held_out[0]), fitted.apply(held_out[0]))


def test_uncalibrated_undoes_a_temperature():
    p, _ = drawn(50, k=3)
    np.testing.assert_allclose(uncalibrated(tempered(p, 1.7), 1.7), p, atol=1e-12)


def test_certain_probabilities_stay_finite():
    p = np.array([[1.0, 0.0], [0.0, 1.0]] * 10)
    y = np.array([0, 1] * 10)
    assert np.isfinite(Calibration("temperature", 0.5).apply(p)).all()
    assert np.isfinite(fit_calibration(p, y).apply(p)).all()


def test_a_head_that_chose_a_temperature_gets_no_second_one() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    p = np.where(np.arange(3) == np.where(rng.random(300) < 0.7, y, (y + 1) % 3)[:, None], 0.98, 0.01)
    assert fit_calibration(p, y).method == "temperature"
    assert fit_calibration(p, y, tempered=True).method == "none"


@pytest.mark.parametrize("change", [{"inverse_temperature": "x"}, {"smoothing": None}, {"inverse_temperature": [1]}])
def test_settings_that_are_no_numbers_are_refused(change):
    tensors, settings = Calibration("temperature", 1.5).state()
    with pytest.raises((ValueError, TypeError)):
        Calibration.from_state(tensors, {**settings, **change})
