from __future__ import annotations

from pathlib import Path

import pytest

from regraft.data.tasks import read_tasks
from regraft.errors import DataError, UsageError

ROWS = [
    ("a.jpg", "cat", "3", "indoor;night", "p1"),
    ("b.jpg", "dog", "", "", "p1"),
    ("c.jpg", "", "7", ";", "p2"),
    ("d.jpg", "cat", "9", "night", "p2"),
]
HEADER = ("image", "pet", "size", "tags", "patient")


def table(folder: Path, rows: object = ROWS, header: tuple[str, ...] = HEADER, name: str = "t.csv") -> Path:
    for file in "abcd":
        (folder / f"{file}.jpg").write_bytes(b"")
    lines = [header, *rows]  # type: ignore[misc]
    (folder / name).write_text("\n".join(",".join(line) for line in lines))
    return folder / name


def test_cells_come_as_they_are_and_missing_ones_are_empty(tmp_path: Path) -> None:
    found = read_tasks(table(tmp_path), ("pet", "size", "tags"), group_column="patient")
    assert found.columns == {
        "pet": ("cat", "dog", "", "cat"),
        "size": ("3", "", "7", "9"),
        "tags": ("indoor;night", "", ";", "night"),
    }
    assert found.dataset.names == ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    assert found.dataset.groups is not None and found.dataset.groups.tolist() == ["p1", "p1", "p2", "p2"]
    assert found.dataset.split is None


def test_a_folder_with_one_table_will_do(tmp_path: Path) -> None:
    table(tmp_path)
    assert len(read_tasks(tmp_path, ("pet", "size")).dataset) == 4
    table(tmp_path, name="other.csv")
    with pytest.raises(DataError, match="must hold one table for --label-columns, but holds 2"):
        read_tasks(tmp_path, ("pet", "size"))


def test_texts_are_read_too(tmp_path: Path) -> None:
    rows = [(f"a text of several words number {i}", "good", str(i)) for i in range(4)]
    path = table(tmp_path, rows, ("review", "mood", "stars"))
    found = read_tasks(path, ("mood", "stars"))
    assert found.dataset.modality == "text" and found.dataset.names[0] == "row 1"


def test_rows_without_any_label_or_file_are_skipped_with_the_reason(tmp_path: Path) -> None:
    rows = [*ROWS, ("b.jpg", "", "", "", ""), ("gone.jpg", "dog", "1", "", ""), ("", "dog", "1", "", "")]
    found = read_tasks(table(tmp_path, rows), ("pet", "size"))
    assert [(each.name, each.reason) for each in found.dataset.skipped] == [
        ("b.jpg", "no label in any of the columns"),
        ("gone.jpg", "file not found"),
        ("row 7", "no image is named"),
    ]


def test_a_split_of_its_own_is_kept(tmp_path: Path) -> None:
    rows = [(*row[:4], part) for row, part in zip(ROWS, ("train", "train", "test", ""), strict=True)]
    found = read_tasks(table(tmp_path, rows, (*HEADER[:4], "split")), ("pet", "size"))
    assert found.dataset.split is not None and found.dataset.split.tolist() == ["train", "train", "test"]
    assert found.dataset.skipped[0].reason == "empty split"


def test_a_group_may_not_straddle_the_split(tmp_path: Path) -> None:
    rows = [(*row, part) for row, part in zip(ROWS, ("train", "test", "train", "train"), strict=True)]
    path = table(tmp_path, rows, (*HEADER, "split"))
    with pytest.raises(DataError, match="group 'p1' is in both train and test"):
        read_tasks(path, ("pet", "size"), group_column="patient")


def test_the_same_row_twice_is_one_example_and_a_contradiction_is_refused(tmp_path: Path) -> None:
    assert len(read_tasks(table(tmp_path, [*ROWS, ROWS[0]]), ("pet", "size")).dataset) == 4
    path = table(tmp_path, [*ROWS, ("a.jpg", "dog", "3", "", "p1")])
    with pytest.raises(DataError, match=r"rows 1 and 5 of .* name one image and contradict each other"):
        read_tasks(path, ("pet", "size"))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ((), "must name columns of the table, but names none; name one or more"),
        (("pet", "size", "pet"), "must name each column once, but names 'pet' twice"),
    ],
)
def test_columns_must_be_different_ones(tmp_path: Path, columns: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_tasks(table(tmp_path), columns)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (("pet", "sizes"), "has no column 'sizes' for --label-columns: .* did you mean 'size'?"),
        (("pet", "image"), "column 'image' holds the images themselves: take it out of --label-columns"),
    ],
)
def test_columns_must_be_there_and_hold_labels(tmp_path: Path, columns: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_tasks(table(tmp_path), columns)


def test_a_column_without_any_label_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, [(*row[:2], "", *row[3:]) for row in ROWS])
    with pytest.raises(DataError, match=r"column 'size' of .* has no label in any row that can be used"):
        read_tasks(path, ("pet", "size"))


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, [(f"x{row[0]}", *row[1:]) for row in ROWS])
    with pytest.raises(DataError, match=r"4 of the 4 images of .* are not found, such as xa.jpg: say with --images"):
        read_tasks(path, ("pet", "size"))


def test_rows_without_labels_at_all_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, [(row[0], "", "", *row[3:]) for row in ROWS])
    with pytest.raises(DataError, match="has no row with image and label"):
        read_tasks(path, ("pet", "size"))


def test_a_source_must_be_a_table_that_exists(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist: check the path"):
        read_tasks(tmp_path / "none.csv", ("pet", "size"))
    (tmp_path / "a.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"a.zip must be a table \(.csv"):
        read_tasks(tmp_path / "a.zip", ("pet", "size"))


def test_whole_numbers_are_written_alike(tmp_path: Path) -> None:
    path = table(tmp_path, [(*row[:2], size, *row[3:]) for row, size in zip(ROWS, ("1.0", "2", "", "1"), strict=True)])
    assert read_tasks(path, ("pet", "size")).columns["size"] == ("1", "2", "1")
