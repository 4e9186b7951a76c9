import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from regraft.errors import DataError
from regraft.evaluation.calibration import tempered
from regraft.evaluation.reliability import ece, reliability


def drawn(n, sharpness=1.0, k=2, seed=0):
    """Return probabilities whose logits are `sharpness` times the right ones, and classes drawn from the right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, k))
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.random(n)[:, None] > right.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    return tempered(right, sharpness), y


def test_ece_agrees_with_scikit_learn():
    p, y = drawn(600, 2.0)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    accuracies, confidences = calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    assert ece(p, y) == pytest.approx(np.mean(np.abs(accuracies - confidences)), abs=1e-3)


def test_ece_by_hand():
    p = np.repeat([[0.9, 0.1], [0.6, 0.4]], 10, axis=0)
    y = np.repeat([0, 1, 0, 1], [8, 2, 5, 5])
    assert ece(p, y, bins=2) == pytest.approx((0.1 + 0.1) / 2)


def test_equal_confidences_share_a_bin_whatever_their_order():
    p = np.full((300, 2), [0.7, 0.3])
    y = np.repeat([0, 1], [210, 90])
    assert ece(p, y) == pytest.approx(0.0, abs=1e-9)
    assert len(reliability(p, y).bins) == 1


def test_bins_hold_ten_images_or_more():
    found = reliability(*drawn(57))
    assert len(found.bins) == 5
    assert sum(each.count for each in found.bins) == found.n == 57
    assert min(each.count for each in found.bins) >= 10
    assert len(reliability(*drawn(4)).bins) == 1


def test_brier_agrees_with_scikit_learn():
    p, y = drawn(200, k=3)
    assert reliability(p, y).brier == pytest.approx(brier_score_loss(y, p, labels=[0, 1, 2], scale_by_half=False))


def test_right_probabilities_have_no_more_error_than_chance_gives():
    found = reliability(*drawn(2000))
    assert found.ece < 2 * found.ece_by_chance
    assert found.ece_ci95[0] <= 0.01
    assert found.ece_ci95[0] <= found.ece <= found.ece_ci95[1]


def test_the_interval_holds_the_true_error():
    truth = ece(*drawn(200_000, 2.0))
    held = [
        low <= truth <= high for low, high in (reliability(*drawn(400, 2.0, seed=s)).ece_ci95 for s in range(1, 21))
    ]
    assert sum(held) >= 17


def test_reliability_as_json():
    values = reliability(*drawn(100)).to_dict()
    assert values["n"] == 100
    assert values["bins"][0]["accuracy_ci95"][0] <= values["bins"][0]["accuracy"]
    assert isinstance(values["ece_ci95"], list)


@pytest.mark.parametrize(
    ("p", "y", "words"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), r"Probabilities must have shape \(n, k\) with n >= 1"),
        (np.full((2, 2), 0.5), [0.0, 1.0], "n class indices, but"),
        (np.full((2, 2), 0.5), [0, 2], "class indices below 2, but the indices go from 0 to 2"),
        (np.full((2, 2), np.nan), [0, 1], "Probabilities must be finite"),
    ],
)
def test_refuses_what_does_not_fit(p, y, words):
    with pytest.raises(DataError, match=words):
        ece(p, y)
