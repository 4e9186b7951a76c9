"""Confident learning: flipped labels stand first, and few others are accused."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.auditing.label_errors import confident_class, label_errors, out_of_sample
from regraft.errors import DataError


@pytest.fixture
def flipped(labelled, separable):
    """Return a dataset of 300 with 15 labels flipped, its features, and whose they are."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    values = separable(truth)
    wrong = rng.permutation(300)[:15]
    y = truth.copy()
    y[wrong] = (y[wrong] + 1) % 3
    return labelled(y), values, set(wrong.tolist()), truth


def test_flipped_labels_stand_first(flipped) -> None:
    dataset, values, wrong, truth = flipped
    found = label_errors(dataset, *out_of_sample(dataset, values))
    assert {suspect.position for suspect in found[:15]} == wrong
    likely = {suspect.position for suspect in found if suspect.likely}
    assert likely <= wrong  # nobody is accused wrongly, and most errors are counted
    assert len(likely) >= 8
    assert [suspect.own for suspect in found] == sorted(suspect.own for suspect in found)
    for suspect in found[:15]:
        assert suspect.label == dataset.class_names[dataset.y[suspect.position]]
        assert suspect.suggested == dataset.class_names[truth[suspect.position]]
        assert suspect.probability > 0.5 > suspect.own


def test_every_image_is_judged_by_what_had_not_seen_it(flipped, monkeypatch) -> None:
    dataset, values, _, _ = flipped
    probabilities, index = out_of_sample(dataset, values)
    assert sorted(index.tolist()) == list(range(300))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    # Labels that are pure chance cannot be foretold, unless a classifier has learnt them by heart.
    chance = np.random.default_rng(2).normal(size=(300, 400)).astype(np.float32)
    guessed, whose = out_of_sample(dataset, chance)
    assert np.mean(guessed.argmax(axis=1) == dataset.y[whose]) < 0.45


def test_many_classes_go_by_centroids(labelled, separable, monkeypatch) -> None:
    import regraft.heads

    asked = []
    build = regraft.heads.build_head
    monkeypatch.setattr("regraft.heads.build_head", lambda name, **of: asked.append(name) or build(name, **of))
    y = np.arange(360) % 120
    dataset, values = labelled(y), separable(y)
    probabilities, index = out_of_sample(dataset, values)
    assert asked == ["centroid"]
    assert np.mean(probabilities.argmax(axis=1) == dataset.y[index]) > 0.9


def test_a_class_without_images_keeps_its_column(labelled, separable) -> None:
    y = np.array([0, 2] * 20)
    probabilities, _ = out_of_sample(labelled(y, k=4), separable(y))
    assert probabilities.shape == (40, 4)
    assert not probabilities[:, [1, 3]].any()


def test_no_class_with_two_images(labelled, separable) -> None:
    with pytest.raises(DataError, match="no class has two examples"):
        out_of_sample(labelled(range(10)), separable(range(10)))


def test_the_confident_joint() -> None:
    # Thresholds: the mean of 0.9, 0.9 and 0.3 is 0.7; of 0.6, 0.6 and 0.2, 0.47.
    one = [[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]] * 5
    other = [[0.4, 0.6], [0.4, 0.6], [0.8, 0.2]] * 5
    y = np.repeat([0, 1], 15)
    found = confident_class(np.array(one + other), y)
    np.testing.assert_array_equal(found, [0, 0, 1] * 5 + [1, 1, 0] * 5)
    # 0.6 for class 1 is confident though 0.6 for class 0 is not: that is what the thresholds are for.
    assert confident_class(np.array([*one, *other, [0.6, 0.4], [0.4, 0.6]]), np.array([*y, 0, 0]))[-2:].tolist() == [
        -1,
        1,
    ]


def test_small_classes_neither_accuse_nor_are_accused(labelled) -> None:
    y = np.array([0] * 20 + [1] * 4)
    probabilities = np.array([[0.9, 0.1]] * 19 + [[0.1, 0.9]] + [[0.8, 0.2]] * 4)
    found = label_errors(labelled(y), probabilities, np.arange(24))
    assert [suspect.position for suspect in found] == [19, 20, 21, 22, 23]
    assert not any(suspect.likely for suspect in found)


def test_of_an_image_that_comes_twice_the_first_counts(labelled) -> None:
    dataset = labelled([0, 0, 1, 1])
    probabilities = np.array([[0.2, 0.8], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [1.0, 0.0]])
    found = label_errors(dataset, probabilities, np.array([1, 0, 3, 2, 1]))
    assert [(suspect.position, suspect.own) for suspect in found] == [(3, 0.1), (1, 0.2)]
