import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regraft.data.arrays import read_arrays
from regraft.data.folders import read_folder
from regraft.data.tables import list_table, read_table, write_table
from regraft.errors import DataError


@pytest.fixture
def table(pictures):
    """Write a table beside four images, and return its path."""
    root = pictures("1.jpg", "2.jpg", "3.jpg", "4.jpg")

    def write(text, name="t.csv"):
        (root / name).write_text(text)
        return root / name

    return write


def test_a_table_is_read_and_its_guesses_said(table):
    path = table("image,label\n1.jpg,10\n2.jpg,9\n3.jpg,10\n")
    dataset = read_table(path)
    assert dataset.examples == [path.with_name(f"{i}.jpg") for i in (1, 2, 3)]
    assert dataset.names == ("1.jpg", "2.jpg", "3.jpg")
    assert dataset.class_names == ("9", "10")
    assert dataset.y.tolist() == [1, 0, 1]
    assert dataset.name == "t"
    assert dataset.notes == ("images are in column 'image', labels in 'label'",)


def test_names_without_extension_in_a_folder_of_their_own(pictures, tmp_path):
    images = pictures("a1.jpg", "b2.png", folder="train")
    (tmp_path / "labels.csv").write_text("id,breed\na1,pug\nb2,poodle\n")
    for given in (images, None):
        dataset = read_table(tmp_path / "labels.csv", images=given)
        assert [example.name for example in dataset.examples] == ["a1.jpg", "b2.png"]
    assert "images are those in train/" in dataset.notes


def test_parquet_with_whole_numbers_as_floats(pictures):
    root = pictures("1.jpg", "2.jpg", "3.jpg")
    pq.write_table(pa.table({"path": ["1.jpg", "2.jpg", "3.jpg"], "y": [1.0, 0.0, None]}), root / "t.parquet")
    dataset = read_table(root / "t.parquet")
    assert dataset.class_names == ("0", "1")
    assert [(s.name, s.reason) for s in dataset.skipped] == [("3.jpg", "empty label")]


def test_rows_that_cannot_be_used_are_skipped(table):
    text = "image,label,split\n1.jpg,a,train\n2.jpg,b,train\n,a,train\n3.jpg,,train\nx.jpg,a,train\n4.jpg,a,\n"
    dataset = read_table(table(text))
    assert dataset.names == ("1.jpg", "2.jpg")
    assert [(s.name, s.reason) for s in dataset.skipped] == [
        ("row 3", "no image is named"),
        ("3.jpg", "empty label"),
        ("x.jpg", "file not found"),
        ("4.jpg", "empty split"),
    ]


def test_a_split_column_is_respected(table):
    dataset = read_table(table("image,label,split\n1.jpg,a,Train\n2.jpg,b,training\n3.jpg,a,val\n4.jpg,b,test\n"))
    assert dataset.split.tolist() == ["train", "train", "val", "test"]
    assert "column 'split' says which images are for training and which for the test" in dataset.notes
    dataset = read_table(table("image,label,set\n1.jpg,a,train\n2.jpg,b,train\n3.jpg,a,valid\n"))
    assert dataset.split.tolist() == ["train", "train", "test"]
    assert "val is the only evaluation part, so it is the test" in dataset.notes[-1]


def test_groups(table):
    text = "image,label,patient\n1.jpg,a,p\n2.jpg,b,p\n3.jpg,a,q\n4.jpg,b,\n"
    dataset = read_table(table(text), group_column="patient")
    assert dataset.groups.tolist() == ["p", "p", "q", "4.jpg"]
    split = "image,label,patient,split\n1.jpg,a,p,train\n2.jpg,b,p,train\n3.jpg,a,p,test\n"
    with pytest.raises(DataError, match="group 'p' is in both train and test"):
        read_table(table(split), group_column="patient")


def test_repeated_rows_are_taken_once(table):
    dataset = read_table(table("image,label\n1.jpg,a\n1.jpg,a\n1,a\n2.jpg,b\n"))
    assert dataset.names == ("1.jpg", "2.jpg")
    assert "rows that repeat an earlier one are left out: 2" in dataset.notes


def test_rows_that_contradict_each_other_are_refused(table):
    with pytest.raises(DataError, match=r"1 images of .* contradict each other, such as .*1\.jpg \(a; b\)"):
        read_table(table("image,label\n1.jpg,a\n1.jpg,b\n2.jpg,b\n"))
    with pytest.raises(DataError, match=r"1\.jpg \(a, train; a, test\)"):
        read_table(table("image,label,split\n1.jpg,a,train\n1.jpg,a,test\n2.jpg,b,train\n"))


def test_mostly_missing_files_are_refused(table):
    with pytest.raises(DataError, match=r"2 of the 3 images of .* not found, such as .*data/x\.jpg: say with --images"):
        read_table(table("image,label\n1.jpg,a\nx.jpg,b\ny.jpg,b\n"))


def test_a_table_that_names_no_image_is_refused(table):
    with pytest.raises(DataError, match="names no image: its column of images is empty"):
        read_table(table("image,label\n,a\n,b\n"))


def test_unknown_columns_are_refused(table):
    path = table("image,label\n1.jpg,a\n2.jpg,b\n")
    for option in ("column", "label_column", "group_column"):
        with pytest.raises(DataError, match=f"no column 'nope' for --{option.replace('_', '-')}"):
            read_table(path, **{option: "nope"})


def test_list_table_keeps_what_is_missing(table):
    path = table("id,other\n1.jpg,x\n2.jpg,y\ngone.jpg,z\n,z\n")
    files, names = list_table(path)
    assert [file.name for file in files] == names == ["1.jpg", "2.jpg", "gone.jpg"]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_the_table_of_a_folder_reads_back_the_same(pictures, name):
    root = pictures("train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "test/b/2.jpg")
    folder = read_folder(root)
    write_table(folder, root / name)
    table = read_table(root / name)
    assert table.examples == folder.examples
    assert table.names == folder.names
    assert table.y.tolist() == folder.y.tolist()
    assert table.class_names == folder.class_names
    assert table.split.tolist() == folder.split.tolist()


def test_a_table_elsewhere_names_images_in_full_and_carries_groups(table, tmp_path):
    dataset = read_table(table("image,label,who\n1.jpg,a,p\n2.jpg,b,q\n"), group_column="who")
    (tmp_path / "out").mkdir()
    write_table(dataset, str(tmp_path / "out" / "new.csv"))
    again = read_table(tmp_path / "out" / "new.csv", group_column="group")
    assert again.examples == dataset.examples
    assert again.groups.tolist() == ["p", "q"]
    assert again.names[0] == str(dataset.examples[0])


def test_names_that_are_not_utf8_round_trip(pictures):
    root = pictures("a/1.jpg", "b/1.jpg")
    os.rename(root / "b" / "1.jpg", os.fsencode(root / "b") + b"/\xe9.jpg")  # noqa: PTH104
    folder = read_folder(root)
    write_table(folder, root / "t.csv")
    assert read_table(root / "t.csv").examples == folder.examples


def test_images_that_are_not_files_have_no_table(tmp_path):
    dataset = read_arrays(np.zeros((2, 4, 4), np.uint8), ["a", "b"])
    with pytest.raises(DataError, match="are not files of their own, so that no table can name them"):
        write_table(dataset, tmp_path / "t.csv")
