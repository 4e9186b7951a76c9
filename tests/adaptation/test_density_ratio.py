import numpy as np

from regraft.adaptation.density_ratio import DensityRatio
from regraft.adaptation.source_only import SourceOnly


def test_weights_of_shifted_gaussians_are_the_ratio_of_densities():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(2000, 1)), random.normal(size=(2000, 1)) + 0.7
    found = DensityRatio(least_effective=0.1).fit(source, np.arange(2000) % 2, target)
    ratio = np.exp(0.7 * source[:, 0] - 0.7**2 / 2)
    assert np.corrcoef(np.log(found.weights_), np.log(ratio))[0, 1] > 0.999
    assert abs(np.polyfit(np.log(ratio), np.log(found.weights_), 1)[0] - 1) < 0.15
    assert found.settings_["weight_power"] == 1
    assert 0.58 < found.settings_["domain_accuracy"] < 0.7  # the best there is says 0.637


def test_a_line_for_where_the_target_is():
    # The classes meet at a bent border: which line is best depends on where one stands.
    random = np.random.default_rng(1)
    source, target = random.normal(size=(3000, 2)), random.normal(size=(3000, 2)) * 0.6 + [1.2, 0]
    y, truth = (X[:, 1] > np.abs(X[:, 0]) for X in (source, target))
    found, alone = (kind.fit(source, y, target) for kind in (DensityRatio(least_effective=0.1), SourceOnly()))
    assert np.mean(found.predict(target) == truth) > np.mean(alone.predict(target) == truth) + 0.05


def test_domains_that_can_be_told_by_every_example_leave_enough_of_the_source():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(60, 200)), random.normal(size=(60, 200)) + 1
    found = DensityRatio(least_effective=0.9).fit(source, np.arange(60) % 2, target)
    assert found.settings_["domain_accuracy"] == 1
    assert found.settings_["effective_sample_size"] >= 0.9 * 60 - 1e-6
    assert found.settings_["weight_power"] < 1
