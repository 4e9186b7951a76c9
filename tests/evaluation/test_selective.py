import numpy as np
import pytest

from regraft.errors import DataError
from regraft.evaluation.intervals import wilson
from regraft.evaluation.selective import selective


def answers(confidences, right):
    """Return probabilities whose first class has these confidences, and classes that make them right or wrong."""
    of_first = np.asarray(confidences, float)
    return np.stack([of_first, 1 - of_first], axis=1), np.where(right, 0, 1)


def test_by_hand():
    right = np.array([True] * 6 + [False, True, False, True])
    found = selective(*answers(np.linspace(0.99, 0.6, 10), right))
    expected = 1 - np.cumsum(right) / np.arange(1, 11)
    assert found.area == pytest.approx(expected.mean())
    assert found.shares == pytest.approx(tuple(np.arange(1, 11) / 10))
    assert found.accuracies == pytest.approx(tuple(1 - expected))
    assert found.surest.count == 8
    assert found.surest.accuracy == 7 / 8
    assert found.surest.accuracy_ci95 == wilson(7, 8)


def test_the_order_of_the_images_does_not_matter_where_they_are_equally_sure():
    right = np.arange(40) % 2 == 0
    p, y = answers(np.full(40, 0.8), right)
    one, other = selective(p, y), selective(*answers(np.full(40, 0.8), np.sort(right)))
    assert one == other
    assert one.surest.share == 1.0
    assert one.area == pytest.approx(0.5)


def test_targets_that_are_reached():
    right = np.ones(1000, bool)
    right[900::3] = False
    found = selective(*answers(np.linspace(0.999, 0.6, 1000), right))
    of_99, of_95 = found.targets
    assert (of_99.accuracy, of_95.accuracy) == (0.99, 0.95)
    assert of_99.reached.accuracy >= 0.99
    assert of_99.reached.share == pytest.approx(0.926, abs=0.002)
    assert of_99.assured.accuracy_ci95[0] >= 0.99
    assert of_99.assured.share < of_99.reached.share
    assert "Of these 1000 images the surest 9" in of_99.sentence
    assert of_95.reached.share == 1.0  # 966 of 1000 are right


def test_all_can_be_answered():
    target = selective(*answers(np.linspace(0.99, 0.6, 50), np.ones(50, bool))).targets[0]
    assert target.reached.share == 1.0
    assert target.assured is None
    assert target.sentence == "All of these 50 images can be answered with 100.0% right."


def test_a_target_that_is_never_reached_is_none():
    target = selective(*answers(np.linspace(0.99, 0.6, 40), np.arange(40) % 2 == 0)).targets[0]
    assert target.reached is None
    assert target.to_dict()["reached"] is None
    assert "No threshold leaves 20 or more of the 40 images with 99% of them right" in target.sentence


def test_long_curves_are_thinned():
    right = np.random.default_rng(0).random(5000) < 0.9
    found = selective(*answers(np.linspace(0.999, 0.501, 5000), right))
    assert len(found.shares) == len(found.accuracies) == 200
    assert found.shares[-1] == 1.0
    assert found.accuracies[-1] == pytest.approx(right.mean())
    assert set(found.to_dict()) == {"shares", "accuracies", "area", "surest", "targets", "n"}


def test_one_image():
    found = selective([[0.9, 0.1]], [0])
    assert (found.n, found.area, found.surest.share) == (1, 0.0, 1.0)


def test_refuses_what_does_not_fit():
    with pytest.raises(DataError, match=r"Probabilities must have shape \(n, k\)"):
        selective(np.full((3, 2), 0.5), [0, 1])
