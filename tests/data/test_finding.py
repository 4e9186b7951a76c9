from pathlib import Path

import pytest

from regraft.data.finding import Finder, find_files, find_labels, find_split, named
from regraft.data.listing import list_folder
from regraft.errors import DataError


def test_files_are_found_by_name_and_by_stem(pictures):
    root = pictures("a.jpg", "b.v2.png", "sub/c.jpg", "both.png", "both.jpg")
    (root / "odd.xyz").write_bytes(b"")
    finder = Finder(root)
    found = {value: finder.find(value) for value in ("a.jpg", "a", " a.jpg ", "b.v2", "sub/c", "sub\\c.jpg", "both")}
    assert {value: file.name for value, file in found.items()} == {
        "a.jpg": "a.jpg", "a": "a.jpg", " a.jpg ": "a.jpg", "b.v2": "b.v2.png", "sub/c": "c.jpg",
        "sub\\c.jpg": "c.jpg", "both": "both.jpg",
    }  # fmt: skip
    assert finder.find("odd.xyz") == root / "odd.xyz"
    assert finder.find(str(root / "a.jpg")) == root / "a.jpg"
    assert [finder.find(value) for value in ("", "  ", "none", "x" * 5000, "sub", "nul\0")] == [None] * 6


def test_each_folder_is_listed_once(pictures, monkeypatch):
    root = pictures("a.jpg", "b.jpg")
    listed = []

    def counted(folder, extensions):
        listed.append(folder)
        return list_folder(folder, extensions)

    monkeypatch.setattr("regraft.data.finding.list_folder", counted)
    finder = Finder(root)
    assert finder.find("a") and finder.find("b")
    assert listed == [root]


def test_the_image_column_by_name_by_value_and_by_request(pictures):
    table = pictures("1.jpg", "2.jpg") / "t.csv"
    by_name = {"id": ["7", "8"], "image": ["1.jpg", "2.jpg"]}
    assert find_files(table, by_name, None, None)[1] == "image"
    assert find_files(table, {"id": ["1", "2"], "image": ["x", "y"]}, None, None)[1] == "id"
    assert find_files(table, {"snap": ["1", "2"], "kind": ["a", "b"]}, None, None)[1] == "snap"
    assert find_files(table, by_name, "id", None)[1] == "id"
    with pytest.raises(
        DataError, match="holds the images, texts or recordings is not obvious: it has the columns 'text', 'label'"
    ):
        find_files(table, {"text": ["x"], "label": ["y"]}, None, None)


def test_the_one_folder_beside_the_table_is_taken(pictures):
    root = pictures("photos/1.jpg", "photos/2.jpg", "other/9.jpg")
    finder, column, notes = find_files(root / "t.csv", {"id": ["1", "2"]}, None, None)
    assert (finder.base, column, notes) == (root / "photos", "id", ["images are those in photos/"])
    pictures("more/1.jpg", "more/2.jpg")
    with pytest.raises(DataError, match="could be those in more/ and photos/: say which with --images"):
        find_files(root / "t.csv", {"id": ["1", "2"]}, None, None)
    assert find_files(root / "t.csv", {"id": ["1", "2"]}, None, root / "more")[0].base == root / "more"


def test_a_folder_of_images_must_exist():
    with pytest.raises(DataError, match="there is no folder nowhere: give --images"):
        find_files(Path("t.csv"), {"id": ["1"]}, None, Path("nowhere"))


def test_the_label_column():
    table = Path("t.csv")
    assert find_labels({"id": [], "Breed": [], "x": []}, None, {"id"}, table) == "Breed"
    assert find_labels({"id": [], "odd": []}, None, {"id"}, table) == "odd"
    assert find_labels({"id": [], "odd": [], "x": []}, "x", {"id"}, table) == "x"
    for columns in ({"id": [], "a": [], "b": []}, {"id": [], "label": [], "class": []}, {"id": []}):
        with pytest.raises(DataError, match=r"holds the label is not obvious: .*name it with --label-column"):
            find_labels(columns, None, {"id"}, table)


def test_the_split_column():
    columns = {"Set": ["Training", "", "dev"], "label": ["train", "test", "test"]}
    assert find_split(columns, set()) == "Set"
    assert find_split(columns, {"Set"}) is None
    assert find_split({"split": ["fold1", "fold2"]}, set()) is None
    assert find_split({"split": ["", ""]}, set()) is None


def test_an_unknown_column_is_answered_with_the_nearest():
    columns = {"image": [], "Label": []}
    with pytest.raises(DataError, match=r"no column 'lable' for --label-column: it has .*; did you mean 'Label'\?"):
        named(columns, "lable", Path("t.csv"), "--label-column")
    with pytest.raises(DataError, match=r"it has the columns 'image', 'Label'.$"):
        named(columns, "zzz", Path("t.csv"), "--label-column")
