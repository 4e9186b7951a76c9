"""The curve as a picture: each point where its figures are, and XML whatever the folder is called."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import TASK, Dataset
from regraft.few_shot.found import FewShot, Figure, Point
from regraft.reports.fewshot import DOWN, picture, write


def figure(accuracy: float) -> Figure:
    return Figure(accuracy, (accuracy - 0.05, accuracy + 0.05), "prototype", {"prototype": 3})


def found(together: bool = True, name: str = "flowers", numbers: tuple[int, ...] = (1, 5)) -> FewShot:
    points = tuple(
        Point(n, figure(0.6 + n / 50), figure(0.5 + n / 50), {"prototype": (0.6, 3)}, 90, together) for n in numbers
    )
    data = Dataset(("a",), ("a",), {TASK: np.zeros(1, np.int64)}, {TASK: ("x",)}, name=name)
    return FewShot(points, data, "b", 3, together, (), (), 0, 1.0)


@pytest.mark.parametrize(("together", "lines"), [(True, 2), (False, 1)])
def test_a_line_for_each_way_of_naming(together: bool, lines: int) -> None:
    svg = picture(found(together))
    circles = [e for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("circle")]
    assert len(circles) == 2 * lines
    heights = [float(circle.get("cy", "nan")) for circle in circles[:2]]
    assert DOWN > heights[0] > heights[1] > 0
    values = [element.text for element in ElementTree.fromstring(svg).iter() if element.get("class") == "value"]
    assert values == (["0.620", "0.700"] if together else []) + ["0.520", "0.600"]


def test_one_number_alone_and_a_name_of_control_characters() -> None:
    tree: Any = ElementTree.fromstring(picture(found(name="a<b>\x00\x1b&", numbers=(3,))))
    assert any("a<b>&" in (element.text or "") for element in tree.iter())


def test_what_is_written(tmp_path: Path) -> None:
    write(found(name="\udcff"), tmp_path)
    assert json.loads((tmp_path / "fewshot.json").read_text())["5"]["accuracy"] == pytest.approx(0.7)
    assert b"<svg" in (tmp_path / "fewshot.svg").read_bytes()
