import os

import numpy as np
import pytest

from regraft.data.folders import read_folder
from regraft.errors import DataError


def test_class_folders_at_any_depth(pictures):
    root = pictures("dogs/deep/er/1.jpg", "dogs/2.png", "cats/3.bmp")
    dataset = read_folder(root)
    assert dataset.names == ("cats/3.bmp", "dogs/2.png", "dogs/deep/er/1.jpg")
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.y.tolist() == [0, 1, 1]
    assert dataset.split is None
    assert dataset.name == "data"
    assert dataset.notes == ()
    assert all(example.is_file() for example in dataset.examples)


def test_integer_classes_are_in_numeric_order(pictures):
    assert read_folder(pictures("10/a.jpg", "9/a.jpg", "2/a.jpg")).class_names == ("2", "9", "10")


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("Training_Set", "VALID", "testing-set"), ("training", "dev", "test1")],
)
def test_three_parts_are_kept(pictures, train, val, test):
    root = pictures(*(f"{part}/{c}/{part}.jpg" for part in (train, val, test) for c in ("a", "b")))
    dataset = read_folder(root)
    assert dataset.split.tolist() == ["train", "train", "val", "val", "test", "test"]
    assert dataset.notes == ()


@pytest.mark.parametrize("alone", ["val", "test"])
def test_a_lone_evaluation_folder_is_the_test(pictures, alone):
    dataset = read_folder(pictures("train/a/1.jpg", "train/b/1.jpg", f"{alone}/a/1.jpg"))
    assert dataset.split.tolist() == ["train", "train", "test"]
    assert dataset.notes == (
        f"train/, {alone}/: {alone}/ is the only evaluation part, so it is the test; "
        "choices are made by cross-validation on train/",
    )


def test_wrapping_folders_are_descended(pictures):
    root = pictures("x/training_set/training_set/a/1.jpg", "x/training_set/training_set/b/1.jpg", "x/test/test/a/1.jpg")
    dataset = read_folder(root)
    assert dataset.class_names == ("a", "b")
    assert dataset.split.tolist() == ["train", "train", "test"]
    assert read_folder(pictures("train/a/1.jpg", "train/b/1.jpg", folder="only")).split is None


def test_a_test_folder_with_one_class_of_subfolders_is_not_descended(pictures):
    dataset = read_folder(pictures("train/a/1.jpg", "train/b/1.jpg", "test/a/session/1.jpg"))
    assert dataset.y.tolist() == [0, 1, 0]


def test_an_unlabelled_test_folder_is_not_used(pictures):
    dataset = read_folder(pictures("train/a/1.jpg", "train/b/1.jpg", "test/1.jpg", "test/2.jpg"))
    assert dataset.split is None
    assert dataset.notes == ("test/ is not used: its 2 images have no labels",)


def test_what_is_left_out_is_noted(pictures):
    root = pictures("train/a/1.jpg", "train/b/1.jpg", "train/stray.jpg", "val/a/1.jpg", "test/a/1.jpg", "extra/1.jpg")
    (root / "train" / "empty").mkdir()
    (root / "train" / "a" / "notes.txt").write_text("")
    (root / "train" / "b" / "gone.jpg").symlink_to("nowhere")
    dataset = read_folder(root)
    assert dataset.class_names == ("a", "b")
    assert set(dataset.notes) == {
        "no class, for want of images: train/empty/",
        "left out, in no class folder: train/stray.jpg (1 image in all)",
        "not read: extra/",
        "left out, not images: 1 file",
    }
    assert [(s.name, s.reason) for s in dataset.skipped] == [("train/b/gone.jpg", "broken symbolic link")]


def test_a_class_folder_that_links_to_the_root_is_no_class(pictures):
    root = pictures("a/1.jpg", "b/1.jpg")
    (root / "loop").symlink_to(root)
    dataset = read_folder(root)
    assert dataset.names == ("a/1.jpg", "b/1.jpg")
    assert dataset.notes == ("no class, for want of images: loop/",)


def test_linked_class_folders_are_followed(pictures):
    elsewhere = pictures("1.jpg", folder="elsewhere")
    root = pictures("a/1.jpg")
    (root / "b").symlink_to(elsewhere)
    assert read_folder(root).names == ("a/1.jpg", "b/1.jpg")


def test_names_that_are_not_utf8(pictures):
    root = pictures("a/1.jpg", "b/1.jpg")
    os.rename(root / "b", os.fsencode(root) + b"/caf\xe9")  # noqa: PTH104
    dataset = read_folder(root)
    assert dataset.class_names == ("a", "caf\\xe9")
    assert dataset.names[1] == "caf\\xe9/1.jpg"
    assert dataset.examples[1].is_file()


def test_labels_from_names(pictures):
    root = pictures("cat.0.jpg", "dog.0.jpg", "cat.1.jpg", "deep/dog.1.jpg")
    dataset = read_folder(root, label_from_name=True)
    assert [dataset.class_names[c] for c in dataset.y] == ["cat", "cat", "dog", "dog"]
    assert dataset.split is None
    assert dataset.notes == ("labels are the start of the file names: cat.0.jpg is 'cat'; 2 classes, cat, dog",)


def test_labels_from_names_below_train_and_test(pictures):
    names = [f"{part}/{c}.{i}.jpg" for part in ("train", "test") for c in ("cat", "dog") for i in range(2)]
    dataset = read_folder(pictures(*names), label_from_name=True)
    assert np.bincount(dataset.y).tolist() == [4, 4]
    assert dataset.split.tolist() == ["train"] * 4 + ["test"] * 4


def test_numbered_test_images_are_unlabelled(pictures):
    names = [f"train/{c}.{i}.jpg" for c in ("cat", "dog") for i in range(3)]
    dataset = read_folder(pictures(*names, "test/1.jpg", "test/2.jpg"), label_from_name=True)
    assert (len(dataset), dataset.split) == (6, None)
    assert "test/ is not used: its 2 images have no labels" in dataset.notes


def test_a_flat_folder_is_refused_with_what_to_do(pictures):
    with pytest.raises(DataError, match="holds 2 images and no class folders: put each class in its own folder"):
        read_folder(pictures("x.jpg", "y.jpg", folder="plain"))
    named = ["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"]
    with pytest.raises(DataError, match=r"add --label-from-name \(it gives cat, dog\)"):
        read_folder(pictures(*named, folder="named"))
    with pytest.raises(DataError, match=r"only one class folder, 'photos'.*add --label-from-name"):
        read_folder(pictures(*(f"photos/{name}" for name in named), folder="below"))


def test_a_flat_folder_beside_tables_points_at_them(pictures):
    root = pictures("train/1.jpg", "test/2.jpg")
    (root / "labels.csv").write_text("id,breed\n1,a\n")
    with pytest.raises(DataError, match=r"or, if the labels are in labels\.csv, give that file"):
        read_folder(root)


def test_names_that_do_not_start_with_a_label_are_refused(pictures):
    with pytest.raises(DataError, match=r"such as 1\.jpg, do not start with a label that repeats"):
        read_folder(pictures("1.jpg", "2.jpg", "3.jpg"), label_from_name=True)


def test_one_class_is_refused(pictures):
    with pytest.raises(DataError, match="only one class, 'cats'"):
        read_folder(pictures("cats/1.jpg", "cats/2.jpg"))


def test_a_class_only_in_test_is_refused(pictures):
    with pytest.raises(DataError, match="test has the class 'bird', of which train has no image"):
        read_folder(pictures("train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "test/bird/1.jpg"))


def test_evaluation_without_training_is_refused(pictures):
    with pytest.raises(DataError, match="no training part, only val/ and test/"):
        read_folder(pictures("val/a/1.jpg", "val/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg"))


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "sound.wav").write_text("")
    with pytest.raises(DataError, match=r"holds no images: found 1 folders, 1 \.wav files, and images end in \.jpg"):
        read_folder(tmp_path)
