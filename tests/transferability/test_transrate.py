"""TransRate beside determinants written out."""

import numpy as np
import pytest

from regraft.errors import DataError, UsageError
from regraft.transferability.transrate import transrate


def direct(features, y, eps=1e-4):
    features = np.asarray(features, float) - np.mean(features, axis=0, dtype=float)
    features /= np.sqrt(np.mean(np.sum(features**2, axis=1)))

    def rate(rows):
        return np.linalg.slogdet(np.eye(rows.shape[1]) + rows.T @ rows / (len(rows) * eps))[1] / 2

    shares = [np.mean(y == label) * rate(features[y == label]) for label in np.unique(y)]
    return rate(features) - sum(shares)


@pytest.mark.parametrize(("n", "d", "k"), [(200, 6, 3), (60, 30, 5), (30, 80, 4)])
@pytest.mark.parametrize("eps", [1e-4, 1e-1])
def test_it_is_what_the_definition_gives(clouds, n, d, k, eps):
    features, y = clouds(n, d, k)
    assert transrate(features, y, eps) == pytest.approx(direct(features, y, eps), rel=1e-8)


def test_by_hand():
    # Two classes at -1 and 1: the rate of all is that of each, since a class's own mean stays in it.
    assert transrate([[-1.0], [1.0]] * 4, [0, 1] * 4) == pytest.approx(0)
    # On two axes each class lies on a line: ln det diag(1 + 1/2e, 1 + 1/2e) / 2 less ln(1 + 1/e) / 2.
    crossed = [[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]
    expected = np.log(1 + 0.5 / 1e-4) - np.log(1 + 1 / 1e-4) / 2
    assert transrate(crossed, [0, 0, 1, 1]) == pytest.approx(expected)


def test_scale_and_place_do_not_matter(clouds):
    features, y = clouds(60, 8, 3)
    assert transrate(100 * features.astype(float) + 7, y) == pytest.approx(transrate(features, y), rel=1e-5)


def test_better_features_score_higher(clouds):
    scores = [transrate(*clouds(500, 20, 4, spread)) for spread in (0.0, 1.0, 4.0)]
    assert scores == sorted(scores)


def test_what_has_no_transrate(clouds):
    with pytest.raises(UsageError, match="eps must be above 0, not 0; 1e-4 is usual"):
        transrate(*clouds(10, 3, 2), eps=0)
    with pytest.raises(DataError, match="two classes or more"):
        transrate([[1.0], [2.0]], [0, 0])
