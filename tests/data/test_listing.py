import os

import pytest

from regraft.data import listing
from regraft.data.listing import descend, inventory, list_folder, walk
from regraft.errors import DataError


def test_a_folder_is_listed_sorted_and_without_hidden_files(pictures):
    root = pictures("b.JPG", "a.png", ".hidden.jpg", "__MACOSX/c.jpg", "sub/d.jpg")
    (root / "notes.txt").write_text("")
    (root / "gone.jpg").symlink_to(root / "nowhere.jpg")
    (root / "self.jpg").symlink_to(root / "self.jpg")
    found = list_folder(root)
    assert (found.folders, found.files) == (["sub"], ["a.png", "b.JPG"])
    assert (found.broken, found.others) == (["gone.jpg", "self.jpg"], ["notes.txt"])


def test_symbolic_links_that_loop_are_walked_once(pictures):
    root = pictures("a/1.jpg", "a/b/2.jpg")
    (root / "a" / "b" / "up").symlink_to(root)
    (root / "a" / "again").symlink_to(root / "a")
    assert [here.name for here, _ in walk(root)] == ["data", "a", "b"]


def test_descend_goes_below_wrappers_and_stops_at_a_class(pictures):
    root = pictures("outer/inner/cats/1.jpg", "outer/inner/dogs/1.jpg")
    assert descend(root) == root / "outer" / "inner"
    assert descend(pictures("cats/1.jpg", folder="one")).name == "one"
    assert descend(pictures("train/1.jpg", folder="flat")).name == "train"
    assert descend(pictures("x/cats/1.jpg", folder="kept"), classes=frozenset({"x"})).name == "kept"


def test_descend_ends_where_links_loop(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    assert descend(tmp_path) == tmp_path


def test_inventory_says_what_is_there(tmp_path):
    assert inventory(tmp_path) == "nothing"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.wav").write_text("")
    assert inventory(tmp_path) == "1 folders, 1 .wav files"


def test_a_folder_that_cannot_be_opened_is_told(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cannot be opened \(Permission denied\)"):
        list_folder(tmp_path)


def test_a_folder_that_vanishes_is_told(tmp_path):
    with pytest.raises(DataError, match="gone cannot be opened"):
        listing.identity(tmp_path / "gone")
