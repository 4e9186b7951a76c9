"""The head is chosen and judged on images that it has not learnt from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset
from regraft.probe import Probe, probe

HEADS: dict[str, dict[str, Any]] = {"logistic": {}, "centroid": {}, "knn": {}}


def dataset(y: np.ndarray, split: list[str] | None = None, groups: np.ndarray | None = None) -> Dataset:
    names = tuple(map(str, range(len(y))))
    classes = tuple("abc"[: y.max() + 1])
    data = Dataset(names, names, {TASK: y.astype(np.int64)}, {TASK: classes}, groups=groups)
    return data if split is None else data.with_split(split)


def features(y: np.ndarray, distance: float = 3.0, seed: int = 0) -> np.ndarray:
    """Return features (n, 6) whose classes lie `distance` apart."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(len(y), 6)) + distance * np.eye(6)[y]).astype(np.float32)


def learnt(found: Probe) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in found.selection.head.state()[0].items()}


Y = np.arange(60) % 3
SPLIT = ["train"] * 36 + ["val"] * 12 + ["test"] * 12
TEST = np.arange(48, 60)


def test_the_test_part_is_predicted_in_its_order() -> None:
    found = probe(dataset(Y, SPLIT), features(Y), "given", HEADS, 0)
    assert found.test_index.tolist() == TEST.tolist()
    assert found.test_probabilities.shape == (12, 3)
    np.testing.assert_allclose(found.test_probabilities.sum(axis=1), 1)
    assert (found.test_probabilities.argmax(axis=1) == Y[TEST]).mean() > 0.8


@pytest.mark.parametrize("split", [SPLIT, ["train"] * 48 + ["test"] * 12], ids=["val", "no val"])
def test_nothing_depends_on_the_test_part(split: list[str]) -> None:
    X = features(Y, distance=1.5)
    expected = probe(dataset(Y, split), X, "given", HEADS, 0)
    rng = np.random.default_rng(1)
    other_y, other_X = Y.copy(), X.copy()
    other_y[TEST] = rng.permutation(Y[TEST])
    other_X[TEST] = rng.normal(size=(12, 6)) * 100
    for found in (
        probe(dataset(other_y, split), X, "given", HEADS, 0),
        probe(dataset(Y, split), other_X, "given", HEADS, 0),
    ):
        assert found.selection.name == expected.selection.name
        assert found.selection.candidates == expected.selection.candidates
        assert learnt(found) == learnt(expected)
        assert np.array_equal(found.val_probabilities, expected.val_probabilities)


def test_choices_are_made_on_the_validation_part() -> None:
    swapped = Y.copy()
    swapped[36:48] = (Y[36:48] + 1) % 3  # what train teaches is wrong for val
    found = probe(dataset(swapped, SPLIT), features(Y, distance=8), "given", HEADS, 0)
    assert [candidate.accuracy for candidate in found.selection.candidates] == [0, 0, 0]
    assert found.val_probabilities is not None
    assert not (found.val_probabilities.argmax(axis=1) == swapped[36:48]).any()
    assert len(found.val_probabilities) == 12


def test_without_a_validation_part_choices_are_made_by_cross_validation_on_train() -> None:
    split = ["train"] * 48 + ["test"] * 12
    swapped = Y.copy()
    swapped[TEST] = (Y[TEST] + 1) % 3
    found = probe(dataset(swapped, split), features(Y, distance=8), "given", HEADS, 0)
    assert min(candidate.accuracy for candidate in found.selection.candidates) > 0.9
    assert found.val_probabilities is None
    assert set(found.selection.held_out_index.tolist()) == set(range(48))


def test_cross_validation_judges_no_image_by_a_head_that_has_seen_it() -> None:
    y = np.random.default_rng(0).permutation(np.arange(80) % 2)
    X = np.random.default_rng(1).normal(size=(80, 6)).astype(np.float32)
    found = probe(dataset(y), X, "cross-validation", {"knn": {}}, 0)
    assert found.test_index.tolist() == list(range(80))
    assert (found.test_probabilities.argmax(axis=1) == y).mean() < 0.7  # labels drawn at random cannot be learnt


def test_cross_validation_keeps_groups_whole() -> None:
    y = np.random.default_rng(0).permutation(np.arange(40) % 2).repeat(4)
    X = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32).repeat(4, axis=0)
    groups = np.arange(40).astype(str).repeat(4)
    apart = probe(dataset(y, groups=groups), X, "cross-validation", {"knn": {}}, 0)
    assert (apart.test_probabilities.argmax(axis=1) == y).mean() < 0.7
    leaking = probe(dataset(y), X, "cross-validation", {"knn": {}}, 0)  # each image has its copies in train
    assert (leaking.test_probabilities.argmax(axis=1) == y).mean() > 0.9


def test_the_kept_head_has_learnt_from_all_images() -> None:
    data, X = dataset(Y), features(Y)
    whole = probe(data, X, "cross-validation", {"centroid": {}}, 0)
    everything = probe(
        dataset(np.r_[Y, Y[:3]], ["train"] * 60 + ["test"] * 3), np.r_[X, X[:3]], "given", {"centroid": {}}, 0
    )
    assert learnt(whole) == learnt(everything)


def test_the_only_image_of_a_class_is_learnt_from_and_not_tested() -> None:
    y = np.array([0] * 10 + [1] * 10 + [2])
    found = probe(dataset(y), features(y), "cross-validation", {"centroid": {}}, 0)
    assert found.test_index.tolist() == list(range(20))
    assert found.test_probabilities.shape == (20, 3)


def test_the_same_seed_gives_the_same_head_and_settings_reach_it() -> None:
    X, heads = features(Y), {"mlp": {"units": (4, 5), "epochs": 2}}
    data = dataset(Y, SPLIT)
    first, second, other = (probe(data, X, "given", heads, seed) for seed in (0, 0, 1))
    assert learnt(first) == learnt(second) != learnt(other)
    np.testing.assert_array_equal(first.test_probabilities, second.test_probabilities)
    assert first.selection.head.state()[0]["weight_0"].shape == (4, 6)
    assert first.selection.head.state()[0]["weight_1"].shape == (5, 4)


def test_the_protocol_decides_and_not_the_split() -> None:
    found = probe(replace(dataset(Y, SPLIT), split=None), features(Y), "cross-validation", {"centroid": {}}, 0)
    assert len(found.test_index) == 60
