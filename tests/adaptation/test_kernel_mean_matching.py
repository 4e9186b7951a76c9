import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from regraft.adaptation import kernel_mean_matching
from regraft.adaptation.kernel_mean_matching import KernelMeanMatching, _matched, _projected
from regraft.errors import UsageError


def test_solves_the_quadratic_programme():
    random = np.random.default_rng(0)
    X, target = random.normal(size=(25, 2)), random.normal(size=(30, 2)) + 0.8

    def kernel(A, B):
        return np.exp(-((A[:, None] - B[None]) ** 2).sum(axis=2))

    K, means = kernel(X, X), kernel(X, target).mean(axis=1)

    def loss(w):
        return w @ K @ w / 50 - w @ means

    found = _matched(K, means, 5.0)
    once = LinearConstraint(np.ones(25), 25, 25)
    best = minimize(loss, np.ones(25), method="SLSQP", bounds=[(0, 5)] * 25, constraints=once, options={"ftol": 1e-12})
    assert loss(found) == pytest.approx(best.fun, abs=1e-5)
    assert found.mean() == pytest.approx(1)
    assert found.min() >= 0
    assert found.max() <= 5


def test_projection_by_hand():
    np.testing.assert_allclose(_projected(np.array([3.0, 1.0, -4.0]), 20), [2.5, 0.5, 0], atol=1e-9)
    np.testing.assert_allclose(_projected(np.array([9.0, 1.0, 1.0]), 2), [2, 0.5, 0.5], atol=1e-9)


@pytest.mark.parametrize("part", [2000, 100])
def test_the_weighted_source_has_the_target_s_mean(monkeypatch, part):
    monkeypatch.setattr(kernel_mean_matching, "PART", part)
    random = np.random.default_rng(0)
    source, target = random.normal(size=(400, 2)), random.normal(size=(400, 2)) * 0.7 + [0.8, 0]
    found = KernelMeanMatching(least_effective=0.1).fit(source, np.arange(400) % 2, target)
    gap = np.linalg.norm(np.average(source, axis=0, weights=found.weights_) - target.mean(axis=0))
    assert gap < 0.2 * np.linalg.norm(source.mean(axis=0) - target.mean(axis=0))


def test_a_bound_too_low():
    with pytest.raises(UsageError, match="bound must be above 1, the mean weight, not 1"):
        KernelMeanMatching(bound=1).fit(np.zeros((4, 1)), [0, 1, 0, 1], np.ones((4, 1)))
