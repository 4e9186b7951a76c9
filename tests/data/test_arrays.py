import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.data.arrays import check_shape, list_arrays, read_arrays, to_pixels
from regraft.errors import DataError


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 3), (4, 5, 6, 4)])
def test_an_array_and_its_labels(shape):
    images = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) % 256
    dataset = read_arrays(images, [1, 0, 1, 0])
    assert dataset.class_names == ("0", "1")
    assert dataset.y.tolist() == [1, 0, 1, 0]
    assert dataset.names[3] == "image 3"
    assert dataset.examples[3].dtype == np.uint8
    assert np.array_equal(dataset.examples[3], images[3])


def test_uint8_arrays_are_not_copied():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    assert np.shares_memory(read_arrays(images, ["a", "b"]).examples[1], images)


def test_fractions_are_scaled():
    images = np.array([0, 0.5, 1], dtype=np.float32).reshape(3, 1, 1)
    assert np.ravel(to_pixels(images, "images", stacked=True)).tolist() == [0, 128, 255]
    assert np.ravel(to_pixels(np.array([[True, False]]), "image")).tolist() == [255, 0]


def test_a_list_may_mix_files_bytes_and_arrays(pictures):
    file = pictures("a.jpg") / "a.jpg"
    images = [file, str(file), file.read_bytes(), np.zeros((4, 4), np.uint8), Path("gone.jpg"), np.zeros((9, 2, 3))]
    dataset = read_arrays(images, ["a", "b", "a", "b", "b", None])
    assert dataset.names == (str(file), str(file), "image 2", "image 3")
    assert [(s.name, s.reason) for s in dataset.skipped] == [("gone.jpg", "file not found"), ("image 5", "empty label")]


@pytest.mark.parametrize("labels", [np.array([[0], [1]]), np.array([0.0, 1.0]), iter(["0", "1"]), np.array(["0", "1"])])
def test_labels_of_any_kind(labels):
    assert read_arrays(np.zeros((2, 4, 4), np.uint8), labels).class_names == ("0", "1")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4), np.uint8), None, "examples from Python need labels"),
        (np.zeros((2, 4, 4), np.uint8), ["a"], r"one value for each of the 2 images, and have the shape \(1,\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros((2, 3)), r"have the shape \(2, 3\)"),
        (np.full((2, 4, 4), 200.0), ["a", "b"], "float64 from 200 to 200: scale them first"),
        (np.full((2, 4, 4), np.nan), ["a", "b"], "float64 from nan to nan"),
        (np.full((2, 4, 4), 256), ["a", "b"], "int64 from 256 to 256"),
        (np.full((2, 4, 4), -1), ["a", "b"], "int64 from -1 to -1"),
        (np.full((2, 4, 4), "x"), ["a", "b"], "must be numbers, and are <U1"),
        (np.zeros((2, 4, 4, 2), np.uint8), ["a", "b"], r"images must have the shape .* has \(2, 4, 4, 2\).$"),
        (np.zeros((2, 3, 9, 9), np.uint8), ["a", "b"], r"has \(2, 3, 9, 9\): move the channels to the end"),
        (np.zeros((2, 4), np.uint8), ["a", "b"], r"images must have the shape \(n, height, width\)"),
        ([np.zeros(4, np.uint8)], ["a"], r"image 0 must have the shape \(height, width\)"),
        ([], [], "there are no examples"),
        (
            [b"x", 3.5],
            ["a", "b"],
            "example 1 must be a path, a text, encoded bytes, an array, or samples and their rate, and is float",
        ),
        ([io.BytesIO()], ["a"], "example 0 must be .*, and is BytesIO"),
        ([Image.new("P", (2, 2))], ["a"], "example 0 must be .*, and is Image"),
        (7, [1], "images must be an array or a list of paths, bytes or arrays, and are int"),
    ],
)
def test_what_cannot_be_used(images, labels, message):
    with pytest.raises(DataError, match=message):
        read_arrays(images, labels)


def test_an_empty_array_is_refused():
    with pytest.raises(DataError, match=r"has \(0, 4, 4\)"):
        list_arrays(np.zeros((0, 4, 4)))
    with pytest.raises(DataError, match=r"has \(\)"):
        check_shape((), "x", stacked=True)
