import numpy as np
import pytest

from regraft.adaptation import optimal_transport
from regraft.adaptation.optimal_transport import Displacement, OptimalTransport
from regraft.adaptation.source_only import SourceOnly
from regraft.errors import UsageError

pytest.importorskip("ot")


def moons(n, angle, seed):
    """Two half circles, turned around their middle."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = np.pi * random.uniform(size=n)
    points = np.where(y[:, None], np.c_[1 - np.cos(t), 0.5 - np.sin(t)], np.c_[np.cos(t), np.sin(t)]) - [0.5, 0.25]
    points += random.normal(scale=0.05, size=points.shape)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T).astype(np.float32), y


@pytest.mark.parametrize(("degrees", "right", "gain"), [(20, 1.0, 0.05), (40, 0.98, 0.1), (60, 0.8, 0.15)])
def test_two_moons_that_have_been_turned(degrees, right, gain):
    source, y = moons(300, 0, 0)
    target, truth = moons(300, np.radians(degrees), 1)
    found = OptimalTransport().fit(source, y, target)
    nearest = ((found._moves[0](source)[:, None] - target[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(truth[nearest] == y) >= right  # where examples have gone, there are those of their class
    alone = np.mean(SourceOnly().fit(source, y).predict(target) == truth)
    assert np.mean(found.predict(target) == truth) > alone + gain


def test_an_example_far_from_all_others_has_a_way():
    source, y = moons(60, 0, 0)
    source[0] = 1e4
    moved = OptimalTransport().fit(source, y, moons(60, 1, 1)[0])._moves[0](source)
    assert np.isfinite(moved).all()


def test_others_move_with_the_nearest():
    move = Displacement(np.array([[0.0, 0], [10, 0]]), np.array([[1.0, 2], [-1, 0]]))
    np.testing.assert_allclose(move(np.array([[1.0, 1], [9, 0], [0, 0]])), [[2, 3], [8, 0], [1, 2]])


def test_a_large_domain_is_sampled(monkeypatch):
    monkeypatch.setattr(optimal_transport, "MOST", 50)
    source, y = moons(300, 0, 0)
    target, truth = moons(200, 0, 1)
    found = OptimalTransport().fit(source, y, target + 3, known=([199, 198], truth[[199, 198]]))
    assert len(found._moves[0].start) == 50
    assert np.mean(found.predict(target + 3) == truth) > 0.8


def test_settings_out_of_range():
    source, y = moons(20, 0, 0)
    with pytest.raises(UsageError, match=r"reg must be above 0 and reg_class 0 or above, not 0\.0 and 1\.0"):
        OptimalTransport(reg=0.0).fit(source, y, source + 1)
    with pytest.raises(UsageError, match=r"reg_class must be at most 15 times reg, 1\.5, not 2\.0"):
        OptimalTransport(reg=0.1, reg_class=2.0).fit(source, y, source + 1)
    with pytest.raises(UsageError, match="n_components must be 1 or more, not 0"):
        OptimalTransport(n_components=0).fit(source, y, source + 1)
