"""Images with labels, without, and with some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.errors import DataError
from regraft.exploration.images import read_images


@pytest.fixture
def flat(colours: Path, tmp_path: Path) -> Path:
    """Return a folder of four images without classes."""
    for i, file in enumerate(sorted(colours.rglob("*.jpg"))[::5]):
        (tmp_path / f"{i}.jpg").write_bytes(file.read_bytes())
    return tmp_path


def test_class_folders_are_labels(colours: Path) -> None:
    found = read_images(colours)
    assert len(found) == 18
    assert found.labels is not None
    assert {name.split("/")[0] for name in found.names} == set(found.labels)
    assert found.name == "colours"


def test_a_plain_folder_has_none(flat: Path) -> None:
    found = read_images(flat)
    assert found.labels is None
    assert found.names == ("0.jpg", "1.jpg", "2.jpg", "3.jpg")
    assert found.name == flat.name


def test_a_table_without_a_column_of_labels(flat: Path) -> None:
    table = flat / "table.csv"
    table.write_text("file\n0.jpg\n2.jpg\n")
    assert read_images(table).names == ("0.jpg", "2.jpg")
    table.write_text("x,y\n0.jpg,2.jpg\n1.jpg,3.jpg\n")
    assert read_images(table, column="y").names == ("2.jpg", "3.jpg")


def test_rows_with_an_empty_label_are_looked_at_too(flat: Path) -> None:
    table = flat / "table.csv"
    table.write_text("image,label\n0.jpg,a\n1.jpg,\n2.jpg,b\n3.jpg,\n")
    found = read_images(table)
    assert found.labels == ("a", None, "b", None)
    assert found.notes[-1] == "2 of 4 images have no label"
    assert found.skipped == ()


def test_what_a_split_is_for_means_nothing_here(tmp_path: Path, draw_classes) -> None:
    draw_classes(tmp_path / "train", 2)
    draw_classes(tmp_path / "test", 2, seed=9)
    found = read_images(tmp_path)
    assert len(found) == 12
    assert found.notes == ()


def test_arrays_and_lists() -> None:
    arrays = np.zeros((4, 8, 8, 3), np.uint8)
    assert read_images(arrays).labels is None
    assert read_images(list(arrays), ["a", "b", "a", "b"]).labels == ("a", "b", "a", "b")


def test_labels_that_are_asked_for_must_be_there(flat: Path) -> None:
    table = flat / "table.csv"
    table.write_text("image\n0.jpg\n1.jpg\n")
    with pytest.raises(DataError, match="has no column 'species' for --label-column"):
        read_images(table, label_column="species")
    with pytest.raises(DataError):
        read_images(flat, label_from_name=True)


def test_no_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        read_images(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_images(tmp_path / "nothing")
