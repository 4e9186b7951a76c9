import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import eigh

from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.transfer_component import TransferComponents
from regraft.errors import UsageError

SKADA = """
import json, sys
import numpy as np
from skada._subspace import TransferComponentAnalysisAdapter
X, target, count, mu = json.load(sys.stdin)
both, sign = np.array(X + target), np.r_[np.ones(len(X)), -np.ones(len(target))]
adapter = TransferComponentAnalysisAdapter(kernel="linear", n_components=count, mu=mu)
print(json.dumps(np.asarray(adapter.fit_transform(both, sample_domain=sign)).tolist()))
"""


def arrays(along=None):
    """A source and a target whose mean is 0 and whose mean squared length is 1, together."""
    random = np.random.default_rng(0)
    X, target = random.normal(size=(60, 6)) * [5, 4, 3, 2, 1, 1], random.normal(size=(60, 6)) * [5, 3, 3, 2, 1, 1]
    gap = np.array([1.0, 1, 2, 0, 1, 0])
    if along is not None:  # the means differ along one axis alone, which is not correlated with the others
        X, target = X - X.mean(axis=0), target - target.mean(axis=0)
        others = np.delete(np.arange(6), along)
        for Z in (X, target):
            Z[:, others] -= np.outer(Z[:, along], Z[:, along] @ Z[:, others] / (Z[:, along] @ Z[:, along]))
        gap = 2.0 * np.eye(6)[along]
    both = np.concatenate([X + gap, target - gap])
    both -= both.mean(axis=0)
    both /= np.sqrt(np.mean(np.sum(both**2, axis=1)))
    return both[:60].astype(np.float32), both[60:].astype(np.float32)


def alike(ours, expected):
    """Components up to the length and the direction of each."""
    ours, expected = ours / np.linalg.norm(ours, axis=0), expected / np.linalg.norm(expected, axis=0)
    np.testing.assert_allclose(np.abs(np.sum(ours * expected, axis=0)), 1, atol=1e-3)


def components(X, target, mu):
    method = TransferComponents(mu=mu, n_components=3)
    (move,), of_target, _ = method._align([X], [np.arange(len(X)) % 2], target, None)
    return np.concatenate([move(X), of_target(target)]).astype(np.float64)


@pytest.mark.parametrize("mu", [0.01, 0.1, 10.0])
def test_solves_the_paper_s_n_by_n_problem(mu):
    X, target = arrays()
    both = np.concatenate([X, target]).astype(np.float64)
    K, e = both @ both.T, np.repeat([1 / 60, -1 / 60], 60)
    H = np.eye(120) - 1 / 120
    _, W = eigh(K @ H @ K, np.eye(120) + mu * np.outer(K @ e, K @ e))
    alike(components(X, target, mu), (K @ W[:, ::-1])[:, :3])


@pytest.mark.parametrize("mu", [0.1, 1.0])
def test_agrees_with_skada(mu):
    # skada takes (I + mu K L K)^-1 K H K, which is not symmetric, for symmetric; where the means differ along a
    # principal axis it is, and both must agree.
    pytest.importorskip("skada")
    X, target = arrays(along=2)
    request = json.dumps([X.tolist(), target.tolist(), 3, mu])
    # In a process of its own: skada switches on a setting of scikit-learn's for all.
    answer = subprocess.run([sys.executable, "-c", SKADA], input=request, capture_output=True, text=True, check=True)
    alike(components(X, target, mu), np.array(json.loads(answer.stdout)))


def test_what_tells_the_domains_apart_is_left_out():
    random = np.random.default_rng(0)
    y = np.arange(400) % 2
    source = random.normal(size=(400, 3)) * 0.3 + np.c_[2.0 * y, np.zeros(400), np.zeros(400)]
    source[:, 1] += 1.5 * y  # also tells the classes apart, but the target lies elsewhere along it
    target = random.normal(size=(400, 3)) * 0.3 + np.c_[2.0 * y, np.full(400, 5.0), np.zeros(400)]
    found = TransferComponents(mu=1000.0, n_components=2).fit(source, y, target)
    assert np.mean(found.predict(target) == y) > 0.98
    assert np.mean(SourceOnly().fit(source, y, target).predict(target) == y) < 0.6


def test_settings_out_of_range():
    X, target = arrays()
    for settings, words in (({"mu": -1.0}, r"mu must be 0 or above, not -1\.0"),):
        with pytest.raises(UsageError, match=words):
            TransferComponents(**settings).fit(X, np.arange(60) % 2, target)
    with pytest.raises(UsageError, match="n_components must be 1 or more, not 0"):
        TransferComponents(n_components=0).fit(X, np.arange(60) % 2, target)
