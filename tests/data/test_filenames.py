import os

import pytest

from regraft.data.filenames import labels_from_names, on_one_line, printable, tells_classes


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"], ["cat", "cat", "dog", "dog"]),
        (["0_IMG_1.jpg", "0_IMG_2.jpg", "1_IMG_1.jpg", "1_IMG_7.jpg"], ["0", "0", "1", "1"]),
        (["hot_dog_1.jpg", "hot_dog_2.jpg", "hot_pot_1.jpg"], ["hot_dog", "hot_dog", "hot_pot"]),
        (["cat (1).jpg", "cat (2).jpg", "dog (1).jpg"], ["cat", "cat", "dog"]),
        (["cat1.jpg", "cat2.jpg", "dog12.jpg"], ["cat", "cat", "dog"]),
        (["tuna-IMG-1.png", "tuna-IMG-2.png", "cod-IMG-1.png"], ["tuna", "tuna", "cod"]),
        (["class_1_img_3.jpg", "class_1_img_4.jpg", "class_2_img_5.jpg"], ["class_1", "class_1", "class_2"]),
        (["cat_abc.jpg", "cat_def.jpg", "dog_gh.jpg", "dog_ij.jpg"], ["cat", "cat", "dog", "dog"]),
        ([".._.jpg"], [".._"]),
    ],
)
def test_the_label_is_what_names_start_with_and_repeat(names, labels):
    assert labels_from_names(names) == labels


def test_names_without_a_label_do_not_tell_classes():
    assert not tells_classes(labels_from_names(["1.jpg", "2.jpg", "3.jpg", "4.jpg"]))
    assert not tells_classes(labels_from_names(["IMG_1.jpg", "IMG_2.jpg"]))
    assert tells_classes(["a", "a", "b", "b"])


def test_printable_shows_bytes_that_are_not_utf8():
    assert printable(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"
    assert printable("café.jpg") == "café.jpg"


def test_an_error_of_a_library_becomes_a_part_of_a_sentence():
    assert on_one_line(ValueError("two\nlines,\x1b[31m and a bell\x07.\n")) == "two lines, [31m and a bell"
    assert on_one_line(KeyError()) == "KeyError"
