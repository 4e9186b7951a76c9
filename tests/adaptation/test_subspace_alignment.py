import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.subspace_alignment import SubspaceAlignment, explaining
from regraft.errors import UsageError

SKADA = """
import json, sys
import numpy as np
from skada._subspace import SubspaceAlignmentAdapter
X, target, count = json.load(sys.stdin)
both, sign = np.array(X + target), np.r_[np.ones(len(X)), -np.ones(len(target))]
moved = SubspaceAlignmentAdapter(n_components=count).fit_transform(both, sample_domain=sign)
print(json.dumps(np.asarray(moved).tolist()))
"""


def arrays():
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 6)) * [5, 4, 3, 2, 1, 0.5] @ random.normal(size=(6, 6)) + 3
    return X.astype(np.float32), (random.normal(size=(50, 6)) * [6, 5, 3, 2, 1, 1]).astype(np.float32)


def test_moves_as_skada_does():
    pytest.importorskip("skada")
    X, target = arrays()
    (move,), of_target, _ = SubspaceAlignment(n_components=3)._align([X], [np.arange(60) % 2], target, None)
    # In a process of its own: skada switches on a setting of scikit-learn's for all.
    request = json.dumps([X.tolist(), target.tolist(), 3])
    answer = subprocess.run([sys.executable, "-c", SKADA], input=request, capture_output=True, text=True, check=True)
    moved = np.array(json.loads(answer.stdout))
    ours = np.concatenate([move(X), of_target(target)])
    sign = np.sign(np.sum(ours * moved, axis=0))  # an axis has no direction of its own
    np.testing.assert_allclose(ours * sign, moved, atol=2e-3)


def test_two_gaussians_whose_plane_has_been_tilted():
    # In the plane of the two long axes the shorter tells the classes apart, and 60 degrees tilt it out of that plane.
    random = np.random.default_rng(0)
    y = np.arange(600) % 2
    source = random.normal(size=(600, 10)) * 0.1
    source[:, 0] += np.where(y, 1, -1) + random.normal(size=600) * 0.2
    source[:, 1] += random.normal(size=600) * 2
    turn = np.eye(10)
    turn[np.ix_([0, 2], [0, 2])] = [[0.5, 0.75**0.5], [-(0.75**0.5), 0.5]]
    target = source @ turn + 5
    found, alone = (kind.fit(source, y, target) for kind in (SubspaceAlignment(n_components=2), SourceOnly()))
    assert np.mean(alone.predict(target) == y) < 0.6
    assert np.mean(found.predict(target) == y) > 0.99


def test_by_default_as_many_axes_as_explain_the_variance():
    assert explaining(np.array([6.0, 3.0, 1.0]), 0.8) == 2
    assert explaining(np.array([6.0, 3.0, 1.0]), 0.95) == 3
    assert explaining(np.zeros(0), 0.95) == 0
    X, target = arrays()
    expected = max(PCA(0.95, svd_solver="full").fit(Z).n_components_ for Z in (X, target))
    assert SubspaceAlignment().fit(X, np.arange(60) % 2, target).settings_["n_components"] == expected


def test_no_components():
    X, target = arrays()
    with pytest.raises(UsageError, match="n_components must be 1 or more, not 0"):
        SubspaceAlignment(n_components=0).fit(X, np.arange(60) % 2, target)
