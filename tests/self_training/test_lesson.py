"""When a lesson is believed, and how sure its head is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from regraft.data.splits import folds
from regraft.heads.selection import within_error
from regraft.heads.temperature import fit_temperature
from regraft.probe import select
from regraft.self_training.lesson import Lesson, _calibrated
from regraft.self_training.pseudo_labels import RULES, pseudo_labels


@pytest.mark.parametrize(
    ("better", "worse", "same", "believed"),
    [(1, 0, 15, False), (2, 0, 14, True), (4, 2, 10, False), (6, 1, 9, True), (0, 3, 13, False), (4, 0, 0, True)],
)
def test_more_than_one_standard_error(better: int, worse: int, same: int, believed: bool) -> None:
    after = np.array([True] * better + [False] * worse + [True] * same)
    before = np.array([False] * better + [True] * worse + [True] * same)
    assert within_error(after.astype(float) - before) is not believed


def test_one_image_is_not_believed() -> None:
    assert within_error(np.array([1.0]))


def lesson(clouds: Callable[..., Any], heads: dict[str, dict[str, Any]], groups: bool = False) -> Lesson:
    from dataclasses import replace

    dataset, features, others = clouds()
    if groups:
        dataset = replace(dataset, groups=np.array([f"g{i // 2}" for i in range(len(dataset))]))
    train = dataset.part("train")
    return Lesson(
        dataset, features.values, train, None, select(dataset, features.values, train, heads, 0), others.values
    )


def test_settings_are_the_teachers_and_not_chosen_on_pseudo_labels(clouds: Callable[..., Any]) -> None:
    taught = lesson(clouds, {"logistic": {}})
    found = pseudo_labels(RULES[0], taught.said, taught.reached, taught.expected)
    pupil = taught._pupil(np.arange(16), found)
    teacher = taught.selection.head
    assert (pupil.settings_["C"], pupil.settings_["power"]) == (teacher.settings_["C"], teacher.settings_["power"])
    assert pupil.settings_["inverse_temperature"] == 1.0


def test_groups_are_no_hindrance(clouds: Callable[..., Any]) -> None:
    taught = lesson(clouds, {"centroid": {}}, groups=True)
    found = pseudo_labels(RULES[0], taught.said, taught.reached, taught.expected)
    assert taught._pupil(np.arange(16), found).classes_.tolist() == [0, 1]


def test_held_out_images_reach_no_pseudo_label_with_their_label(clouds: Callable[..., Any]) -> None:
    taught = lesson(clouds, {"centroid": {}})
    [train, test] = folds(taught.y, None, 5, 0)[0]
    before = taught._reached(train)
    taught.y = taught.y.copy()
    taught.y[test] = 1 - taught.y[test]
    assert np.array_equal(taught._reached(train), before)


def test_a_linear_head_gets_the_temperature_of_held_out_images(clouds: Callable[..., Any]) -> None:
    taught = lesson(clouds, {"logistic": {"C": 1e4, "powers": (1.0,)}})
    head = taught._pupil(np.arange(16), pseudo_labels(RULES[0], taught.said, taught.reached, taught.expected))
    held_out = np.array([[0.999, 0.001], [0.9, 0.1], [0.002, 0.998], [0.98, 0.02]])
    truth = np.array([0, 1, 1, 0])
    raw = np.log(head.predict_proba(taught.X))
    calibrated, softer = _calibrated(head, held_out, truth)
    assert softer.max() < held_out.max()
    assert fit_temperature(np.log(softer), truth)[0] == pytest.approx(1, abs=0.05)
    scale = calibrated.settings_["inverse_temperature"]
    expected = np.exp(scale * raw) / np.exp(scale * raw).sum(axis=1, keepdims=True)
    assert calibrated.predict_proba(taught.X) == pytest.approx(expected, abs=1e-4)


def test_another_head_keeps_its_own(clouds: Callable[..., Any]) -> None:
    head = lesson(clouds, {"centroid": {}}).selection.head
    held_out = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert _calibrated(head, held_out, np.array([0, 1]))[1] is held_out
