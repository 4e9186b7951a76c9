"""One episode: the labels of the tested images judge, and choose nothing."""

import numpy as np
import pytest

from regraft.few_shot.episode import play
from regraft.heads.label_propagation import LabelPropagation
from regraft.request import FEW


@pytest.fixture
def chains():
    """Three long chains (150, 40): the ends of each are far apart, but each image has near neighbours of its class."""
    random = np.random.default_rng(0)
    start, step = random.normal(size=(3, 40)), random.normal(size=(3, 40))
    along = np.tile(np.linspace(0, 3, 50), 3)
    y = np.repeat(np.arange(3), 50)
    X = start[y] + along[:, None] * step[y] + random.normal(scale=0.05, size=(150, 40))
    return X.astype(np.float32), y


def test_alone_and_together(chains):
    X, y = chains
    support = np.array([0, 50, 100])
    tested = np.setdiff1d(np.arange(150), support)
    alone = play(X, {}, y, support, tested, FEW, None, 0)
    assert (alone.alone, alone.together, list(alone.accuracy)) == ("prototype", "", ["prototype"])
    both = play(X, {}, y, support, tested, FEW, LabelPropagation([X]), 0)
    assert (both.alone, both.together) == ("prototype", "propagation")
    assert list(both.accuracy) == ["prototype", "propagation", "propagation+prototype"]
    assert both.accuracy["prototype"] == alone.accuracy["prototype"] < both.accuracy["propagation"] > 0.95


def test_the_labels_of_tested_images_choose_nothing(chains):
    X, y = chains
    support = np.concatenate([np.arange(6) * 8 + 50 * c for c in range(3)])
    tested = np.setdiff1d(np.arange(150), support)
    wrong = y.copy()
    wrong[tested] = (y[tested] + 1) % 3
    graph = LabelPropagation([X])
    truth, lie = (play(X, {}, labels, support, tested, FEW, graph, 0) for labels in (y, wrong))
    assert (truth.alone, truth.together) == (lie.alone, lie.together)
    assert max(lie.accuracy.values()) < 0.1 < 0.9 < min(truth.accuracy.values())


def test_where_neighbours_mislead_the_head_is_kept():
    random = np.random.default_rng(0)
    y = np.tile([0, 1], 60)
    X = random.normal(size=(120, 60)).astype(np.float32)
    X[:, 0] = np.where(y == 0, -3, 3)
    X[:, 1:] *= 3
    support = np.arange(40)
    found = play(X, {}, y, support, np.arange(40, 120), {"prototype": {}}, LabelPropagation([X]), 0)
    assert found.accuracy["prototype"] > found.accuracy["propagation"] + 0.1
    assert found.together != "propagation"
