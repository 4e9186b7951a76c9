"""What int8 costs and gains is measured on images that ranges were not learnt from, and too much is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import DataError, RegraftError
from regraft.export import eight_bits as module
from regraft.export.eight_bits import CALIBRATED_ON, eight_bits, labelled
from regraft.export.target import Outputs, Run, Target

ORDER = (2, 1, 0)
"""Blue, green and red are the classes, in this order."""


class Kind:
    """A kind of file whose content says which share of the images it gets wrong."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.wrong, self.seen = wrong, 0

    def open(self, path: Path, precision: str) -> Run:
        every = {b"f32": 0, b"s8": round(1 / self.wrong) if self.wrong else 0}[path.read_bytes()]
        asked = [0]

        def run(pixels: np.ndarray) -> Outputs:
            asked[0] += 1
            best = int(np.argmax(pixels.reshape(-1, 3).mean(axis=0)[list(ORDER)]))
            row = np.roll(np.eye(3)[best], 1 if every and asked[0] % every == 0 else 0)
            return (row[None],)

        return run

    def quantize(self, path: Path, images: list[np.ndarray], new: Path) -> None:
        self.seen = len(images)
        new.write_bytes(b"s8")
        new.with_suffix(".more").write_bytes(b"")

    def target(self) -> Target:
        return Target(
            "made-up", ".made", lambda job, path: None, self.open, lambda: ("f32",), beside=(".more",),
            quantize=self.quantize,
        )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "m.made").write_bytes(b"f32")
    (tmp_path / "m.more").write_bytes(b"12345")
    return tmp_path / "m.made"


@pytest.fixture(scope="module")
def many(draw_classes: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_classes(tmp_path_factory.mktemp("many") / "many", count=54, seed=7)


def test_the_file_is_replaced_and_its_figures_are_told(file: Path, small: Any, many: Path) -> None:
    kind = Kind()
    found = eight_bits(kind.target(), file, *labelled(many, small), small)
    assert file.read_bytes() == b"s8" and file.with_suffix(".more").read_bytes() == b""
    assert [path.name for path in sorted(file.parent.iterdir())] == ["m.made", "m.more"]
    assert found.held_out
    assert (found.calibrated_on, found.n) == (kind.seen, 162 - kind.seen) and 30 <= found.n <= 34
    assert found.accuracy == (1.0, 1.0)
    assert found.bytes == (8, 2)
    assert set(found.images_a_second) == {"f32", "int8"} and min(found.images_a_second.values()) > 0
    assert found.to_dict()["held_out"] is True


def test_few_images_serve_for_both(file: Path, small: Any, colours: Path) -> None:
    found = eight_bits(Kind().target(), file, *labelled(colours, small), small)
    assert not found.held_out
    assert found.calibrated_on == found.n == 18


def test_more_images_than_are_of_use_are_drawn_from(
    file: Path, small: Any, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CALIBRATED_ON == 200
    monkeypatch.setattr(module, "CALIBRATED_ON", 10)
    monkeypatch.setattr(module, "MEASURED_ON", 7)
    found = eight_bits(Kind().target(), file, *labelled(many, small), small)
    assert (found.calibrated_on, found.n) == (10, 7)


def test_too_much_lost_accuracy_is_refused(file: Path, small: Any, many: Path) -> None:
    with pytest.raises(
        RegraftError, match=r"int8 may cost 3% of accuracy at most, but costs .*no file was written: leave"
    ):
        eight_bits(Kind(wrong=0.2).target(), file, *labelled(many, small), small)
    assert file.read_bytes() == b"f32"


def test_a_class_that_the_classifier_does_not_know_is_refused(
    file: Path, small: Any, colours: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(colours, tmp_path / "more")
    shutil.copytree(colours / "red", tmp_path / "more" / "mauve")
    with pytest.raises(DataError, match="of the classifier's classes, but some are of mauve; leave them out"):
        eight_bits(Kind().target(), file, *labelled(tmp_path / "more", small), small)
    assert file.read_bytes() == b"f32"
