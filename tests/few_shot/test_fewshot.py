"""Few-shot figures: what is drawn, what is refused, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regraft
from regraft.errors import DataError, UsageError
from regraft.few_shot import fewshot as module

TINY: dict[str, Any] = {"backbone": "test_resnet", "weights": "none", "episodes": 3}


@pytest.fixture(scope="module")
def found(colours: Path) -> Any:
    return regraft.fewshot(colours, shots=[2, 1], episodes=4, backbone="tf_efficientnet_lite0", views=False)


def test_each_number_of_images_has_its_figures(found: Any) -> None:
    figures = found.to_dict()
    assert list(figures) == ["1", "2"]
    for number, point in zip(("1", "2"), found.points, strict=True):
        assert figures[number].keys() >= {"accuracy", "ci95", "head"}
        assert figures[number]["ci95"][0] <= figures[number]["accuracy"] <= figures[number]["ci95"][1]
        assert sum(point.best.chosen.values()) == sum(point.alone.chosen.values()) == 4
        assert point.tested == 18 - 3 * point.shots
        assert point.best.accuracy > 0.8  # blue, green and red are easy
    assert found.points[0].best.head == "propagation"
    assert found.points[0].sentence.startswith("1 image a class: ")
    assert found.points[1].sentence.endswith(" where each image is named on its own")


def test_the_same_seed_gives_the_same_figures_whatever_else_is_asked_for(colours: Path) -> None:
    one = regraft.fewshot(colours, shots=[2], **TINY)
    again = regraft.fewshot(colours, shots=[1, 2], **TINY)
    assert one.to_dict()["2"] == again.to_dict()["2"]


def test_named_alone(colours: Path) -> None:
    found = regraft.fewshot(colours, shots=[2], together=False, head="centroid", **TINY)
    assert found.points[0].best == found.points[0].alone
    assert found.points[0].best.chosen == {"centroid": 3}
    assert list(found.points[0].compared) == ["centroid"]
    assert "on its own" not in found.points[0].sentence
    assert found.views == ("mirror", "framing")


def test_the_usual_numbers_as_far_as_the_smallest_class_has_them(colours: Path) -> None:
    said: list[str] = []
    found = regraft.fewshot(colours, **TINY, announce=said.append)
    assert [point.shots for point in found.points] == [1, 5]
    assert "Note: No draws of 10 or 20 images a class: the smallest class has 6." in said


def test_test_images_are_those_of_the_data_s_own_split(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    draw_classes(tmp_path / "train", 4)
    draw_classes(tmp_path / "test", 3, seed=7)
    found = regraft.fewshot(tmp_path, shots=[4], **TINY)
    assert found.points[0].tested == 9
    with pytest.raises(DataError, match="5 images a class must be at hand to learn from, but 'blue' has 4; ask for 4"):
        regraft.fewshot(tmp_path, shots=[5], **TINY)


def test_more_images_than_can_be_named_together_are_drawn(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_GRAPH", 12)
    found = regraft.fewshot(colours, shots=[2], **TINY)
    assert len(found.dataset) == 12
    assert np.bincount(found.dataset.y).tolist() == [4, 4, 4]
    assert "12 of the 18 images were drawn at random to be named together; --alone takes all." in found.notes


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"shots": [0]}, UsageError, "--shots must be numbers of examples a class from 1 up, each once, .* not 0"),
        ({"shots": []}, UsageError, "--shots must be numbers .*, not none"),
        ({"shots": [5, 5]}, UsageError, "--shots must be numbers .*, not 5,5"),
        ({"shots": [6]}, DataError, "'blue' has 6, of which one must be left to test on; ask for 5 or fewer"),
        ({"episodes": 1}, UsageError, "--episodes must be 2 or more, so that there is an interval, not 1"),
        ({"seed": -1}, UsageError, "--seed must be 0 or above, not -1"),
        ({"head": "mlp"}, UsageError, "--head must be one of prototype, logistic, centroid or knn .*, not mlp"),
    ],
)
def test_what_is_refused(colours: Path, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        regraft.fewshot(colours, **{**TINY, **settings})


def test_a_class_of_one_image_leaves_nothing_to_test_on(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    draw_classes(tmp_path, 1)
    with pytest.raises(DataError, match="'blue' has 1, of which one must be left to test on"):
        regraft.fewshot(tmp_path, **TINY)
