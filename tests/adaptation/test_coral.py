import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import sqrtm

from regraft.adaptation.coral import Coral
from regraft.adaptation.source_only import SourceOnly
from regraft.errors import UsageError

SKADA = """
import json, sys
import numpy as np
from skada._mapping import CORALAdapter
X, target, shrinkage, centered = json.load(sys.stdin)
both, sign = np.array(X + target), np.r_[np.ones(len(X)), -np.ones(len(target))]
adapter = CORALAdapter(reg=shrinkage, assume_centered=centered)
print(json.dumps(np.asarray(adapter.fit_transform(both, sample_domain=sign)).tolist()))
"""


def arrays():
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 5)) @ random.normal(size=(5, 5)) + 3
    return X.astype(np.float32), (random.normal(size=(50, 5)) @ random.normal(size=(5, 5)) - 1).astype(np.float32)


@pytest.mark.parametrize("center", [True, False])
def test_moves_as_skada_does(center):
    pytest.importorskip("skada")
    X, target = arrays()
    (move,), of_target, _ = Coral(shrinkage=0.1, center=center)._align([X], [np.arange(60) % 2], target, None)
    # In a process of its own: skada switches on a setting of scikit-learn's for all.
    request = json.dumps([X.tolist(), target.tolist(), 0.1, not center])
    answer = subprocess.run([sys.executable, "-c", SKADA], input=request, capture_output=True, text=True, check=True)
    moved = np.array(json.loads(answer.stdout))
    np.testing.assert_allclose(move(X), moved[:60], atol=1e-3)
    np.testing.assert_allclose(of_target(target), moved[60:], atol=1e-3)


def test_the_moved_source_has_the_target_s_covariance_exactly():
    X, target = arrays()
    (move,), of_target, _ = Coral(shrinkage=0.0)._align([X], [np.arange(60) % 2], target, None)
    np.testing.assert_allclose(np.cov(move(X).T, bias=True), np.cov(of_target(target).T, bias=True), atol=1e-3)


def test_two_gaussians_whose_covariance_has_been_turned():
    random = np.random.default_rng(0)
    y = np.arange(1000) % 2
    source = random.normal(size=(1000, 2)) * [3.0, 0.5] + np.c_[np.zeros(1000), 2.0 * y]
    stretch = np.array([[1.0, 0.9], [0.9, 1.0]]) * 4
    # The map from the source's covariance to another, which is what CORAL takes domains to differ by.
    covariance = np.cov(source.T)
    turn = np.linalg.inv(np.real(sqrtm(covariance))) @ np.real(sqrtm(stretch))
    target = (source - source.mean(axis=0)) @ turn + [5, -5]
    found, alone = Coral(shrinkage=0.0).fit(source, y, target), SourceOnly().fit(source, y, target)
    assert np.mean(alone.predict(target) == y) < 0.6
    np.testing.assert_allclose(found.predict_proba(target), found.source_proba(source), atol=1e-3)
    assert np.mean(found.predict(target) == y) > 0.97


def test_few_examples_are_shrunk_the_more():
    X, target = arrays()
    y = np.arange(60) % 2
    all_of_it, little = (Coral().fit(X[:n], y[:n], target).settings_["shrinkage"][0] for n in (60, 10))
    assert 0 < all_of_it < little < 1


def test_a_shrinkage_above_1():
    X, target = arrays()
    with pytest.raises(UsageError, match=r"shrinkage must be from 0 to 1, not 1\.5"):
        Coral(shrinkage=1.5).fit(X, np.arange(60) % 2, target)
