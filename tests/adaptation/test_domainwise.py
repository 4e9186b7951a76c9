import numpy as np
import pytest

from regraft.adaptation.domainwise import centre_and_spread


def test_one_deviation_for_all_features():
    X = np.array([[0.0, 10.0], [2.0, 10.0]], np.float32)
    mean, spread = centre_and_spread(X)
    assert mean.tolist() == [1.0, 10.0]
    assert spread == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_features_that_are_all_alike_have_a_spread_of_one(value):
    mean, spread = centre_and_spread(np.full((7, 3), value, np.float32))
    assert spread == 1.0
    np.testing.assert_allclose(mean, value)
