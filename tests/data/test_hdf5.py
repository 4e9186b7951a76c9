from pathlib import Path

import h5py
import numpy as np
import pytest

from regraft.data.hdf5 import H5Row, hdf5_parts, list_hdf5, read_hdf5
from regraft.errors import DataError, UnreadableImage

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1, 1, 0])


@pytest.fixture
def store(tmp_path):
    """Write an HDF5 file of the given datasets, and return its path."""

    def write(name="data.h5", **datasets):
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in datasets.items():
                file[key.replace("__", "/")] = value
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("x", "y"), [("x", "y"), ("X", "labels"), ("images", "targets"), ("data__images", "data__labels")]
)
def test_named_datasets(store, x, y):
    path = store(**{x: PIXELS, y: LABELS})
    dataset = read_hdf5(path)
    assert dataset.y.tolist() == LABELS.tolist()
    assert dataset.class_names == ("0", "1")
    assert dataset.split is None
    assert dataset.names[2] == f"{x.replace('__', '/')}[2]"
    assert dataset.examples[2] == H5Row(path, x.replace("__", "/"), 2)
    assert np.array_equal(dataset.examples[2].read(), PIXELS[2])


@pytest.mark.parametrize("shape", [(6,), (6, 1), (1, 6)])
def test_train_and_test_in_one_file(store, shape):
    path = store(
        train_set_x_orig=PIXELS, train_set_y=LABELS.reshape(shape), test_set_x=PIXELS[:2], test_set_y=[1, 0],
        list_classes=np.array([b"non-cat", b"cat"]),
    )  # fmt: skip
    dataset = read_hdf5(path)
    assert dataset.class_names == ("non-cat", "cat")
    assert dataset.y.tolist() == [*LABELS, 1, 0]
    assert dataset.split.tolist() == ["train"] * 6 + ["test"] * 2
    assert np.array_equal(dataset.examples[7].read(), PIXELS[1])


def test_a_file_for_each_part(store):
    train = store("train_cats.h5", train_set_x=PIXELS, train_set_y=LABELS, list_classes=[b"a", b"b"])
    test = store("cats-test.h5", x=PIXELS[:2], y=[1, 0], list_classes=[b"a", b"b"])
    parts = hdf5_parts(train.parent, ["cats-test.h5", "train_cats.h5"])
    assert parts == {"test": test, "train": train}
    dataset = read_hdf5(parts)
    assert dataset.split.tolist() == ["train"] * 6 + ["test"] * 2
    assert dataset.names[-1] == "cats-test.h5:x[1]"
    assert np.array_equal(dataset.examples[-1].read(), PIXELS[1])


def test_files_whose_names_are_not_parts():
    assert hdf5_parts(Path(), ["a.h5", "train.h5"]) is None
    assert hdf5_parts(Path(), ["val.h5", "test.h5"]) is None
    assert hdf5_parts(Path(), ["train_1.h5", "train_2.h5"]) is None


def test_text_labels_and_fractions(store):
    path = store(x=PIXELS[..., 0] / 255, y=np.array(["b", "a", "b", "a", "a", ""], dtype=object))
    dataset = read_hdf5(path)
    assert dataset.class_names == ("a", "b")
    assert dataset.skipped[0].reason == "empty label"
    assert np.array_equal(dataset.examples[0].read(), PIXELS[0, ..., 0])


def test_an_unlabelled_test_part_is_noted(store):
    dataset = read_hdf5(store(train_set_x=PIXELS, train_set_y=LABELS, test_set_x=PIXELS))
    assert dataset.split is None
    assert dataset.notes == ("test_set_x is not used: it has no labels",)


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({"a": PIXELS, "b": LABELS}, r"is not clear, for it holds a \(6, 4, 5, 3\), b \(6,\): name them x and y"),
        ({"x": PIXELS}, "is not clear"),
        ({"x": PIXELS, "images": PIXELS, "y": LABELS}, "is not clear"),
        ({}, "it holds nothing"),
        ({"x": PIXELS[0, 0], "y": LABELS}, r"x of .* must have the shape \(n, height, width\)"),
        ({"x": PIXELS[..., :2], "y": LABELS}, r"1, 3 or 4 channels, and has \(6, 4, 5, 2\)"),
        ({"x": np.moveaxis(PIXELS, 3, 1), "y": LABELS}, "move the channels to the end"),
        ({"x": PIXELS.astype(float), "y": LABELS}, "fractions from 0 to 1, and are float64"),
        ({"x": PIXELS, "y": LABELS[:5]}, r"one label for each of the 6 images of x, and has the shape \(5,\)"),
        ({"x": PIXELS, "y": LABELS + 1, "list_classes": [b"a", b"b"]}, "one of 0, 1 for its classes, and has 2"),
        ({"x": PIXELS, "y": [b"a", b"b"] * 2 + [b"c"] * 2, "classes": [b"a", b"b"]}, "one of a, b .* and has c"),
        ({"x": PIXELS, "y": LABELS, "list_classes": [b"a", b"a"]}, "names a class twice: a, a"),
        ({"x": PIXELS, "y": LABELS * 0}, "only one class, '0'"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(store, datasets, message):
    with pytest.raises(DataError, match=message):
        read_hdf5(store(**datasets))


def test_files_that_disagree(store):
    train = store("train.h5", x=PIXELS, y=LABELS, list_classes=[b"a", b"b"])
    other = store("test.h5", x=PIXELS, y=LABELS, list_classes=[b"b", b"a"])
    with pytest.raises(DataError, match=r"list different classes, \('a', 'b'\) and \('b', 'a'\)"):
        read_hdf5({"train": train, "test": other})
    wrong = store("val.h5", train_set_x=PIXELS, train_set_y=LABELS)
    with pytest.raises(DataError, match=r"val\.h5 is the val file by its name, and holds train"):
        read_hdf5({"train": train, "val": wrong})


def test_what_is_not_hdf5(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no")
    for read in (read_hdf5, list_hdf5):
        with pytest.raises(DataError, match=r"a\.h5 cannot be read as an HDF5 file, for it is damaged"):
            read(tmp_path / "a.h5")


def test_listing_needs_no_labels(store):
    rows, names = list_hdf5(store(train_set_x=PIXELS, test_set_x=PIXELS[:1]))
    assert names == ["test_set_x[0]", *(f"train_set_x[{i}]" for i in range(6))]
    assert np.array_equal(rows[-1].read(), PIXELS[5])
    with pytest.raises(DataError, match="is not clear"):
        list_hdf5(store("b.h5", y=LABELS))
    with pytest.raises(DataError, match="must have the shape"):
        list_hdf5(store("c.h5", x=LABELS))


def test_rows_that_cannot_be_read(store, tmp_path):
    pixels = PIXELS / 255
    pixels[1] = 7
    path = store(x=pixels)
    assert H5Row(path, "x", 0).read().dtype == np.uint8
    for row in (H5Row(path, "x", 1), H5Row(path, "x", 99), H5Row(path, "z", 0), H5Row(tmp_path / "no.h5", "x", 0)):
        with pytest.raises(UnreadableImage, match="cannot be read from the HDF5 file"):
            row.read()


def claiming(path, shape, chunks, labels=None, dtype="u1"):
    """Write a file of a few kilobytes that claims images of any number and size."""
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape, dtype, chunks=chunks)
        if labels is None:
            file["y"] = np.arange(shape[0]) % 2
        else:
            file.create_dataset("y", labels, "i4", chunks=(10**6,))
    return path


@pytest.mark.parametrize(
    ("shape", "chunks", "labels", "words"),
    [
        (
            (10**12, 8, 8),
            (1, 8, 8),
            (10**12,),
            "must have at most 1,000 images, the limit for its size, and claims 1,000,000,000,000",
        ),
        ((4, 60_000, 60_000), (1, 99, 99), None, "must have at most 200 MB each, .* and 3,600 MB are claimed: store"),
        ((4, 8, 8), (300_000, 100, 100), None, "stored in chunks of no more, and 3,000 MB are claimed"),
    ],
    ids=["number", "size", "chunks"],
)
def test_what_could_not_be_held_is_refused_unread(tmp_path, shape, chunks, labels, words):
    if words.startswith("stored"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.create_dataset("x", shape, "u1", chunks=chunks, maxshape=(None,) * 3)
            file["y"] = [0, 1, 0, 1]
        path = tmp_path / "a.h5"
    else:
        path = claiming(tmp_path / "a.h5", shape, chunks, labels)
    for read in (read_hdf5, list_hdf5):
        with pytest.raises(DataError, match=words):
            read(path)


def test_labels_that_could_not_be_held_are_refused_unread(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = PIXELS
        file.create_dataset("y", (6,), "S1000000")
    with pytest.raises(
        DataError, match=r"y of .* must have at most 10,000,000 labels of 4,096 bytes, and claims 6 of 1,0"
    ):
        read_hdf5(tmp_path / "a.h5")


def test_other_files_are_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(range(64)) * 4)
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("x", (4, 8, 8), "u1", external=[(str(tmp_path / "secret"), 0, 256)])
        file["y"] = [0, 1, 0, 1]
    with h5py.File(tmp_path / "source.h5", "w") as file:
        file["x"] = PIXELS
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout(PIXELS.shape, "u1")
        layout[:] = h5py.VirtualSource(tmp_path / "source.h5", "x", PIXELS.shape)
        file.create_virtual_dataset("x", layout)
        file["y"] = LABELS
    for name in ("external.h5", "virtual.h5"):
        for read in (read_hdf5, list_hdf5):
            with pytest.raises(
                DataError, match=r"x of .* must be in that file, and says that it is in others: copy it"
            ):
                read(tmp_path / name)


def test_any_error_of_a_row_is_a_reason(store, monkeypatch):
    row = H5Row(store(x=PIXELS, y=LABELS), "x", 0)
    for error, words in ((RuntimeError("bad\nheap."), r"cannot be read from the HDF5 file \(bad heap\)"),
                         (MemoryError(), "not enough memory to read it from the HDF5 file")):  # fmt: skip

        def failing(path, process, error=error):
            raise error

        monkeypatch.setattr("regraft.data.hdf5._opened", failing)
        with pytest.raises(UnreadableImage, match=words):
            row.read()
