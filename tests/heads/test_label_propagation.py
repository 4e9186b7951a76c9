"""Labels spread along what is alike, each class as much in all, and a left-out label is as if it had never been."""

import numpy as np
import pytest

from regraft.heads.label_propagation import LabelPropagation


@pytest.fixture
def arcs():
    """Two long thin arcs (80, 2) in 20 dimensions: neighbours are of a class, the far end of one is not near."""
    angle = np.linspace(0, 2.6, 40)
    arc = np.stack([np.cos(angle), np.sin(angle)], 1)
    points = np.concatenate([arc, 1.6 * arc])
    random = np.random.default_rng(0)
    lifted = np.concatenate([points, np.repeat([[0, 1.5], [1.5, 0]], 40, axis=0)], 1) @ random.normal(size=(4, 20))
    return (lifted + random.normal(scale=0.02, size=lifted.shape)).astype(np.float32), np.repeat([0, 1], 40)


def test_one_label_reaches_the_far_end_of_its_class(arcs):
    X, y = arcs
    spread, _ = LabelPropagation([X]).spread(np.array([0, 79]), y[[0, 79]], 2)
    np.testing.assert_allclose(spread.sum(axis=1), 1)
    assert (spread.argmax(axis=1) == y).mean() > 0.95


def test_a_left_out_label_is_as_if_it_had_never_been(arcs):
    X, y = arcs
    graph, labelled = LabelPropagation([X]), np.array([2, 30, 45, 60, 70])
    _, left_out = graph.spread(labelled, y[labelled], 2)
    for position, image in enumerate(labelled):
        others = np.delete(labelled, position)
        spread, _ = graph.spread(others, y[others], 2)
        np.testing.assert_allclose(left_out[position], spread[image], atol=1e-6)


def test_where_no_label_arrives_all_classes_are_as_likely(arcs):
    X, y = arcs
    labelled = np.array([0, 45, 60])
    _, left_out = LabelPropagation([X]).spread(labelled, y[labelled], 2)
    assert left_out[0].tolist() == [0.5, 0.5]
    assert left_out[1].tolist() == pytest.approx([0, 1], abs=1e-6)


def test_many_labels_of_one_class_do_not_swallow_the_other(arcs):
    X, y = arcs
    labelled = np.array([*range(0, 40, 2), 79])
    spread, _ = LabelPropagation([X]).spread(labelled, y[labelled], 2)
    assert (spread.argmax(axis=1) == y).mean() > 0.95


def test_a_view_that_tells_nothing_leaves_what_the_other_tells(arcs):
    X, y = arcs
    flat = np.ones_like(X)
    spread, _ = LabelPropagation([X, flat]).spread(np.array([0, 79]), y[[0, 79]], 2)
    assert (spread.argmax(axis=1) == y).mean() > 0.95


def test_fewer_images_than_neighbours(arcs):
    X, _ = arcs
    spread, _ = LabelPropagation([X[[0, 1, 79]]]).spread(np.array([0, 2]), np.array([0, 1]), 2)
    assert spread[1].argmax() == 0


def test_labels_of_one_group_are_left_out_together(arcs):
    X, y = arcs
    graph, labelled = LabelPropagation([X]), np.array([2, 3, 30, 45, 70])
    _, left_out = graph.spread(labelled, y[labelled], 2, np.array(["g", "g", "h", "i", "j"]))
    others = labelled[2:]
    spread, _ = graph.spread(others, y[others], 2)
    np.testing.assert_allclose(left_out[0], spread[2], atol=1e-6)
