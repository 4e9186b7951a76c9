import numpy as np
import pytest

from regraft.adaptation.spectrum import Spectrum, spectrum


def centred(n, d, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(0.5, 2, d)
    return (X - X.mean(axis=0)).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(50, 8), (8, 50)])
def test_powers_of_the_shrunk_covariance(n, d):
    X = centred(n, d)
    own = spectrum(X)
    covariance = X.T.astype(np.float64) @ X / n
    shrunk = 0.8 * covariance + 0.2 * np.trace(covariance) / d * np.eye(d)
    np.testing.assert_allclose(own.power(1.0, 0.2), shrunk, atol=2e-5)
    root, inverse = own.power(0.5, 0.2), own.power(-0.5, 0.2)
    np.testing.assert_allclose(root @ root, shrunk, atol=2e-5)
    np.testing.assert_allclose(inverse @ root, np.eye(d), atol=2e-5)
    assert (np.diff(own.variance) <= 0).all()


def test_whitening_keeps_its_digits_where_variances_differ_much():
    X = centred(60, 5, seed=2) * np.array([0.2, 0.5, 1, 3, 10], np.float32)
    whitened = X @ spectrum(X).power(-0.5, 0.0).astype(np.float64)
    np.testing.assert_allclose(whitened.T @ whitened / 60, np.eye(5), atol=2e-4)


def test_the_fewer_the_examples_the_more_is_in_doubt():
    few, many = (Spectrum(np.array([4.0, 1.0]), np.eye(2, dtype=np.float32), n) for n in (20, 2000))
    error = 4 * np.sqrt(1.25 / 20)
    assert few.doubt() == pytest.approx(error / (error + 2.5))
    assert many.doubt() == pytest.approx(error / 10 / (error / 10 + 2.5))


def test_nothing_varies():
    own = spectrum(np.zeros((6, 3), np.float32))
    assert own.doubt() == 0
    np.testing.assert_allclose(own.power(-0.5, 0.5) @ own.power(0.5, 0.5), np.eye(3), rtol=1e-5)
