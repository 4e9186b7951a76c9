import numpy as np
import pytest
import torch

from regraft.adaptation.deep_coral import CovarianceDistance, coral_loss, covariance


def test_covariance_is_numpys():
    X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(covariance(X).numpy(), np.cov(X.numpy().T), rtol=1e-5)


def test_loss_of_known_covariances():
    source = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])  # covariance [[2, 0], [0, 0]]
    target = torch.tensor([[0.0, -3.0], [0.0, 3.0]])  # covariance [[0, 0], [0, 18]]
    assert float(coral_loss(source, target)) == pytest.approx((4 + 324) / (4 * 2**2))
    assert float(coral_loss(source, source + 7)) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize(("a", "b"), [(1, 5), (5, 1)])
def test_one_example_has_no_covariance(a, b):
    assert float(coral_loss(torch.ones(a, 2), torch.rand(b, 2))) == 0.0


def test_objective_looks_at_features_alone():
    source, target = torch.randn(9, 3), torch.randn(8, 3)
    found = CovarianceDistance()(source, target, torch.full((8, 2), torch.nan), 0.3)
    assert found == coral_loss(source, target)
