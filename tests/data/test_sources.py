import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from regraft.data.sources import list_examples, read_source
from regraft.errors import DataError, UsageError

DATA = Path(os.environ.get("REGRAFT_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def classes(pictures):
    return pictures("a/1.jpg", "a/2.jpg", "b/1.jpg")


def write_hdf5(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = np.arange(48, dtype=np.uint8).reshape(3, 4, 4), [0, 1, 1]
    return path


def snapshot(folder):
    return {file: (file.lstat().st_mtime_ns, file.lstat().st_size) for file in sorted(folder.rglob("*"))}


def test_a_folder(classes):
    before = snapshot(classes)
    dataset = read_source(str(classes))
    assert (dataset.name, dataset.names, dataset.y.tolist()) == ("data", ("a/1.jpg", "a/2.jpg", "b/1.jpg"), [0, 0, 1])
    assert read_source(dataset) is dataset
    assert snapshot(classes) == before


def test_a_home_folder(classes, monkeypatch):
    monkeypatch.setenv("HOME", str(classes.parent))
    assert len(read_source("~/data")) == 3


def test_labels_from_names(pictures):
    root = pictures("cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg")
    assert read_source(root, label_from_name=True).class_names == ("cat", "dog")


def test_a_table_and_its_options(pictures):
    root = pictures("i/1.jpg", "i/2.jpg")
    (root / "t.csv").write_text("a,b,c,d\n1,x,u,g\n2,y,v,h\n")
    dataset = read_source(root / "t.csv", column="a", label_column="c", group_column="d", images=str(root / "i"))
    assert (dataset.class_names, dataset.groups.tolist()) == (("u", "v"), ["g", "h"])
    assert read_source(root, column="a", label_column="b").class_names == ("x", "y")


@pytest.mark.parametrize("layout", ["images/{}.jpg", "{}.jpg", "train/{}.jpg"])
def test_a_folder_with_one_table_is_that_table(pictures, layout):
    root = pictures(layout.format(1), layout.format(2), folder="dogs")
    (root / "labels.csv").write_text(
        "id,breed\n1,pug\n2,poodle\n" if layout != "{}.jpg" else "f,l\n1.jpg,pug\n2.jpg,x\n"
    )
    if layout == "train/{}.jpg":
        pictures("test/9.jpg", folder="dogs")
    dataset = read_source(root.parent)
    assert len(dataset) == 2
    assert dataset.name == root.parent.name
    assert dataset.notes[0] == "labels are read from labels.csv"


def test_class_folders_beside_a_table_stay_class_folders(classes, pictures):
    (classes / "labels.csv").write_text("image,label\na/1.jpg,x\nb/1.jpg,y\n")
    assert read_source(classes).class_names == ("a", "b")
    root = pictures("train/a/1.jpg", "train/b/1.jpg", folder="parts")
    (root / "about.csv").write_text("key,value\nx,y\n")
    assert read_source(root).class_names == ("a", "b")


def test_hdf5_alone_in_a_folder_and_in_parts(tmp_path):
    file = write_hdf5(tmp_path / "one" / "data.h5")
    assert read_source(file).name == "data"
    assert read_source(tmp_path / "one").name == "one"
    write_hdf5(tmp_path / "two" / "train_a.h5")
    write_hdf5(tmp_path / "two" / "test_a.h5")
    assert read_source(tmp_path / "two").split.tolist() == ["train"] * 3 + ["test"] * 3
    write_hdf5(tmp_path / "two" / "more.h5")
    with pytest.raises(DataError, match=r"several HDF5 files, more\.h5, test_a\.h5, train_a\.h5: give one of them"):
        read_source(tmp_path / "two")


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_lives_as_long_as_its_dataset(classes, tmp_path, kind):
    archive = shutil.make_archive(str(tmp_path / "pack"), kind, classes.parent, "data")
    dataset = read_source(archive)
    assert (dataset.name, dataset.names[0], len(dataset)) == ("pack", "data/a/1.jpg", 3)
    part = dataset.take([0])
    file = part.examples[0]
    del dataset
    assert file.is_file()
    del part
    assert not file.exists()


def test_archives_of_tables_and_hdf5(pictures, tmp_path):
    root = pictures("images/1.jpg", "images/2.jpg")
    (root / "t.csv").write_text("image,label\nimages/1.jpg,x\nimages/2.jpg,y\n")
    assert read_source(shutil.make_archive(str(tmp_path / "table"), "zip", root)).class_names == ("x", "y")
    write_hdf5(tmp_path / "h" / "data.h5")
    dataset = read_source(shutil.make_archive(str(tmp_path / "rows"), "tar", tmp_path / "h"))
    assert (dataset.name, dataset.examples[1].read()[0, 0]) == ("rows", 16)


def test_arrays_and_lists(classes):
    assert read_source(np.zeros((2, 4, 4), np.uint8), labels=["b", "a"]).y.tolist() == [1, 0]
    assert read_source([classes / "a/1.jpg", str(classes / "b/1.jpg")], labels=[1, 0]).y.tolist() == [1, 0]


@pytest.mark.parametrize("extension", [".jpg", ".md", ""])
def test_single_files_are_refused(tmp_path, extension):
    (tmp_path / f"x{extension}").write_bytes(b"")
    what = "image" if extension == ".jpg" else "file"
    with pytest.raises(DataError, match=f"is one {what}, and labelled examples are needed: give a folder"):
        read_source(tmp_path / f"x{extension}")


def test_what_does_not_exist_is_answered_with_the_nearest(classes):
    with pytest.raises(DataError, match=r"dat does not exist: did you mean .*/data\?"):
        read_source(classes.parent / "dat")
    with pytest.raises(DataError, match="does not exist: check the path"):
        read_source(classes / "no" / "where")


def test_options_that_mean_nothing_are_refused(classes, tmp_path):
    file = write_hdf5(tmp_path / "h" / "data.h5")
    (classes / "t.csv").write_text("image,label\n")
    with pytest.raises(UsageError, match="--label-column means nothing for a folder without one table"):
        read_source(classes, label_column="x")
    with pytest.raises(UsageError, match="--images means nothing for an HDF5 file"):
        read_source(file, images="x")
    with pytest.raises(UsageError, match="--group-column means nothing for a folder of HDF5 files"):
        read_source(file.parent, group_column="x")
    with pytest.raises(UsageError, match="--label-from-name means nothing for a table"):
        read_source(classes / "t.csv", label_from_name=True)
    with pytest.raises(UsageError, match="--column means nothing for examples from Python"):
        read_source([b""], labels=[1], column="x")
    with pytest.raises(UsageError, match="labels belong to arrays and lists"):
        read_source(classes, labels=[1])
    with pytest.raises(UsageError, match="a Dataset has its own labels"):
        read_source(read_source(classes), labels=[1])


def test_list_a_folder_and_files(pictures):
    root = pictures("2.jpg", "sub/1.jpg", "sub/deep/3.png")
    (root / "gone.jpg").symlink_to("nowhere")
    examples, names = list_examples(root)
    assert names == ["2.jpg", "gone.jpg", "sub/1.jpg", "sub/deep/3.png"]
    assert examples == [root / name for name in names]
    assert list_examples(str(root / "2.jpg")) == ([root / "2.jpg"], [str(root / "2.jpg")])
    _, names = list_examples([root / "2.jpg", root / "sub", b"bytes"])
    assert names == [str(root / "2.jpg"), str(root / "sub/1.jpg"), str(root / "sub/deep/3.png"), "image 2"]


def test_list_tables_hdf5_and_datasets(pictures, tmp_path):
    root = pictures("1.jpg", "2.jpg")
    (root / "t.csv").write_text("image\n1.jpg\n2.jpg\n")
    assert list_examples(root / "t.csv") == ([root / "1.jpg", root / "2.jpg"], ["1.jpg", "2.jpg"])
    file = write_hdf5(tmp_path / "h" / "data.h5")
    for source in (file, file.parent):
        rows, names = list_examples(source)
        assert (names, rows[1].read()[0, 0]) == (["x[0]", "x[1]", "x[2]"], 16)
    examples, names = list_examples(rows[2])
    assert (examples, names) == ([rows[2]], ["image 0"])
    dataset = read_source(file)
    assert list_examples(dataset) == (dataset.examples, list(dataset.names))
    assert list_examples([file])[1][0] == f"{file}/x[0]"


def test_a_listed_archive_lives_as_long_as_any_of_its_images(pictures, tmp_path):
    pictures("a.jpg", "sub/b.jpg")
    archive = shutil.make_archive(str(tmp_path / "pack"), "zip", tmp_path / "data")
    examples, names = list_examples([archive])
    assert names == [f"{archive}/a.jpg", f"{archive}/sub/b.jpg"]
    last = examples.pop()
    del examples
    assert last.read_bytes()
    path = Path(str(last))
    del last
    assert not path.exists()
    write_hdf5(tmp_path / "h" / "data.h5")
    rows, _ = list_examples(shutil.make_archive(str(tmp_path / "rows"), "zip", tmp_path / "h"))
    assert rows[2].read()[0, 0] == 32


@pytest.mark.parametrize(
    ("shape", "n"), [((4, 5), 1), ((4, 5, 3), 1), ((4, 5, 1), 1), ((4, 5, 6), 4), ((2, 5, 6, 3), 2)]
)
def test_list_arrays(shape, n):
    examples, names = list_examples(np.zeros(shape, np.uint8))
    assert (len(examples), names[0]) == (n, "image 0")


def test_nothing_to_list_is_refused(tmp_path):
    (tmp_path / "a.pdf").write_text("")
    with pytest.raises(DataError, match=r"holds no images: found 1 \.pdf files"):
        list_examples(tmp_path)
    with pytest.raises(DataError, match="there are no examples"):
        list_examples([])


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")
@pytest.mark.parametrize(
    ("name", "n", "k", "n_test"),
    [("flowers", 1000, 5, 0), ("cats_dogs", 1200, 2, 200), ("signs", 1080, 6, 216), ("cat_h5", 259, 2, 50),
     ("hotdog", 250, 2, 50), ("dog_breeds", 520, 60, 0), ("dog_breeds/labels.csv", 520, 60, 0)],
)  # fmt: skip
def test_the_shared_data(name, n, k, n_test):
    dataset = read_source(DATA / name)
    assert (len(dataset), len(dataset.class_names), len(dataset.part("test"))) == (n, k, n_test)
    assert dataset.skipped == ()
