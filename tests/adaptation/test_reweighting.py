import numpy as np
import pytest

from regraft.adaptation.density_ratio import DensityRatio
from regraft.adaptation.reweighting import effective_size, flattened
from regraft.errors import UsageError


def test_effective_size_by_hand():
    assert effective_size(np.ones(7)) == 7
    assert effective_size(np.array([5.0, 0, 0])) == 1
    assert effective_size(np.array([3.0, 1])) == 16 / 10


def test_weights_that_leave_enough_are_only_scaled():
    weights, power = flattened(np.array([2.0, 4.0, 6.0]), 0.3)
    np.testing.assert_allclose(weights, [0.5, 1, 1.5])
    assert power == 1


def test_others_are_raised_to_the_largest_power_that_leaves_enough():
    ratio = np.exp(np.arange(50.0))
    weights, power = flattened(ratio, 0.5)
    assert effective_size(weights) == pytest.approx(25, abs=1e-3)
    np.testing.assert_allclose(weights, ratio**power / np.mean(ratio**power))


def test_no_weight_anywhere_is_the_same_weight_everywhere():
    np.testing.assert_array_equal(flattened(np.zeros(4), 0.3)[0], np.ones(4))


def test_without_a_target_all_count_the_same():
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    found = DensityRatio().fit(X, y)
    np.testing.assert_array_equal(found.weights_, np.ones(40))
    assert found.settings_["effective_sample_size"] == 40


def test_a_share_out_of_range():
    X, y = np.zeros((10, 2)), np.arange(10) % 2
    with pytest.raises(UsageError, match="least_effective must be above 0 and at most 1, not 0"):
        DensityRatio(least_effective=0).fit(X, y)
