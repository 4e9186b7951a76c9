"""Which classes are asked for, and whether images have labels of them."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.data.sources import read_source
from regraft.errors import DataError, UsageError
from regraft.zero_shot.asking import settle

NOTHING = {"column": None, "label_column": None, "images": None, "label_from_name": False}


def asked(data=None, labels=None, classes=None, descriptions=None, trained=(), **reading):
    return settle(data, labels, classes, descriptions, trained, {**NOTHING, **reading})


def test_classes_by_name():
    found = asked(classes="cat, dog")
    assert (found.described.names, found.described.texts, found.dataset) == (("cat", "dog"), ("", ""), None)


def test_classes_by_description():
    found = asked(descriptions={"cat": " purrs ", "hot_dog": "eaten"})
    assert (found.described.names, found.described.texts) == (("cat", "hot_dog"), ("purrs", "eaten"))
    found = asked(classes="Hot dog, cat", descriptions={"hot_dog": "eaten"})
    assert (found.described.names, found.described.texts) == (("Hot dog", "cat"), ("eaten", ""))


def test_classes_of_labelled_data(colours):
    found = asked(colours)
    assert found.described.names == ("blue", "green", "red")
    assert len(found.dataset) == 18
    beside = asked(colours, trained=("green", "yellow"))
    assert beside.described.names == ("blue", "red")
    assert beside.dataset.class_names == ("green", "yellow", "blue", "red")
    assert beside.dataset.y.tolist() == [2] * 6 + [0] * 6 + [3] * 6


def test_labels_are_recognised(colours):
    found = asked(colours, classes="Reds, yellow, blue, greens")
    assert found.dataset.class_names == ("Reds", "yellow", "blue", "greens")
    assert np.bincount(found.dataset.y).tolist() == [6, 0, 6, 6]
    assert found.notes == ()


def test_images_without_labels_of_these_classes(colours, tmp_path):
    assert asked(colours / "red", classes="cat, dog").dataset is None
    assert asked([colours], classes="red, blue, green").dataset is None
    assert asked(colours / "red" / "red-0-0.jpg", classes="cat, dog").dataset is None
    other = asked(colours, classes="red, blue")
    assert other.dataset is None
    assert other.notes == ("Not evaluated: its labels green are not among the classes.",)
    folded = asked(colours, classes="red, blue, green things")
    assert folded.notes == ("Not evaluated: its labels green are not among the classes.",)


def test_labels_that_come_with_the_images(colours):
    dataset = read_source(colours)
    assert len(asked(dataset, classes="red, green, blue").dataset) == 18
    arrays = np.zeros((4, 8, 8, 3), np.uint8)
    found = asked(arrays, ["a", "b", "a", "b"], classes="b, a")
    assert found.dataset.y.tolist() == [1, 0, 1, 0]
    with pytest.raises(DataError, match=r"may only have the classes asked for, but its labels b are not among"):
        asked(arrays, ["a", "b", "a", "b"], classes="a, c")
    with pytest.raises(DataError, match="no column 'nope'"):
        table = colours.parent / "t.csv"
        table.write_text("image,label\ncolours/red/red-0-0.jpg,red\ncolours/blue/blue-0-0.jpg,blue\n")
        asked(table, classes="red, blue", label_column="nope")


def test_what_is_refused(colours):
    with pytest.raises(UsageError, match="must be told the classes: name them with --classes"):
        asked()
    with pytest.raises(DataError, match=r"Without --classes the images must have labels, but: .* is one image"):
        asked(colours / "red" / "red-0-0.jpg")
    with pytest.raises(UsageError, match=r"may only describe the classes .cat, dog., but has bird; add them"):
        asked(classes="cat, dog", descriptions={"bird": "flies"})
    with pytest.raises(UsageError, match="--descriptions must name at least two classes, not 1"):
        asked(descriptions={"bird": "flies"})
    with pytest.raises(UsageError, match="--classes, with the model's own, must name each class once, but 'red'"):
        asked(classes="Red", trained=("red", "blue"))
    with pytest.raises(UsageError, match="must have a class that the model has not, but it knows them all"):
        asked(colours, trained=("red", "blue", "green"))
