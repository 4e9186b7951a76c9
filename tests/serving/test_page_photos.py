"""Photos that are dropped into classes, and the folder that the page is pointed at."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.errors import DataError, UsageError
from regraft.serving.page.folder import Folder
from regraft.serving.page.photos import Photos, class_problem


def jpeg(seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


def claimed_png(width: int, height: int) -> bytes:
    """Return the start of a PNG that claims to be so large."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + (13).to_bytes(4, "big")
        + header
        + zlib.crc32(header).to_bytes(4, "big")
        + bytes(4)
        + b"IDAT"
    )


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos(tmp_path)


@pytest.fixture
def two(photos: Photos) -> Photos:
    """Two classes of two photos each; the names within a class are the same."""
    for number, (each, name) in enumerate(zip(photos.classes, ("cats", "dogs"), strict=True)):
        photos.rename(each.id, name)
        for i in range(2):
            assert photos.add(each.id, "image.jpg", jpeg(10 * number + i)) is None
    return photos


def test_a_page_begins_with_two_classes(photos: Photos) -> None:
    assert [(each.name, each.photos) for each in photos.classes] == [("", []), ("", [])]


def test_photos_become_a_dataset_with_names_that_differ(two: Photos) -> None:
    dataset, ids = two.dataset()
    assert dataset.names == ("cats/image.jpg", "cats/image (2).jpg", "dogs/image.jpg", "dogs/image (2).jpg")
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.y.tolist() == [0, 0, 1, 1]
    assert ids == tuple(photo.id for each in two.classes for photo in each.photos)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"hello there", "not an image (looks like text)"),
        (bytes(range(256)) * 40, "not an image, or of an unknown format"),
        (b"", "empty (0 bytes)"),
        (claimed_png(60_000, 60_000), "60000x60000 pixels, more than the limit of 200 million"),
        (jpeg()[:300], "cannot be decoded"),
    ],
    ids=["text", "noise", "empty", "huge", "cut"],
)
def test_what_is_no_photo_is_left_out_with_its_reason(photos: Photos, tmp_path: Path, raw: bytes, reason: str) -> None:
    before = photos.version
    said = photos.add(photos.classes[0].id, "strange.jpg", raw)
    assert said is not None
    assert reason in said
    assert photos.classes[0].photos == []
    assert photos.version == before
    assert list(tmp_path.iterdir()) == []


def test_removing_deletes_the_files(two: Photos, tmp_path: Path) -> None:
    assert len(list(tmp_path.iterdir())) == 8
    cats, dogs = two.classes
    two.remove(cats.photos[0].id)
    assert len(list(tmp_path.iterdir())) == 6
    two.remove_class(dogs.id)
    assert len(list(tmp_path.iterdir())) == 2
    assert [(each.name, len(each.photos)) for each in two.classes] == [("cats", 1)]


def test_a_photo_moves_to_another_class(two: Photos) -> None:
    photo = two.classes[0].photos[0]
    two.move(photo.id, "dogs")
    assert [len(each.photos) for each in two.classes] == [1, 3]
    with pytest.raises(UsageError, match="'birds' is not"):
        two.move(photo.id, "birds")


def test_only_what_changes_the_photos_counts_as_a_change(two: Photos) -> None:
    before = two.version
    two.rename(two.classes[0].id, "cats")
    two.small(two.classes[0].photos[0].id)
    assert two.version == before
    two.rename(two.classes[0].id, "kittens")
    assert two.version == before + 1


def test_small_pictures_are_small(two: Photos) -> None:
    picture = Image.open(io.BytesIO(two.small(two.classes[0].photos[0].id)))
    assert picture.size == (60, 40)
    with pytest.raises(UsageError, match="not there any more"):
        two.small("0123456789abcdef")


def test_names_are_tidied(photos: Photos) -> None:
    one = photos.classes[0].id
    photos.rename(one, "  black \n cats ")
    assert photos.classes[0].name == "black cats"
    photos.rename(one, "half a pair \ud83d")
    assert photos.classes[0].name == "half a pair \\ud83d"
    with pytest.raises(UsageError, match="100 characters at most, but this one has 101"):
        photos.rename(one, "x" * 101)


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\photos\\a.jpg", "a" * 300 + ".jpg", ".", "x.sh; rm"])
def test_a_files_name_leads_nowhere_else(photos: Photos, tmp_path: Path, name: str) -> None:
    assert photos.add(photos.classes[0].id, name, jpeg()) is None
    (photo,) = photos.classes[0].photos
    assert photo.path.parent == tmp_path
    assert photo.path.is_file()
    assert len(photo.name) <= 100
    assert "/" not in photo.name
    assert "\\" not in photo.name


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        ([], "there are none yet"),
        ([("", 0), ("", 0)], "there are none yet"),
        ([("cats", 9), ("", 0)], "only cats has photos"),
        ([("cats", 9), ("", 3)], "one with 3 photos has none"),
        ([("cats", 9), ("cats", 3)], "Two classes are called cats"),
        ([("cats", 9), ("dogs", 1)], "dogs has only 1 photo"),
        ([("cats", 9), ("dogs", 3), ("birds", 0)], "birds has no photos"),
        ([("cats", 9), ("dogs", 2), ("", 0)], None),
    ],
)
def test_what_is_still_missing_is_said(classes: list[tuple[str, int]], problem: str | None) -> None:
    said = class_problem(classes)
    assert (said is None) == (problem is None)
    if problem is not None and said is not None:
        assert problem in said


def test_a_folder_is_read_where_it_is(colours: Path) -> None:
    folder = Folder.read(f' "{colours}" ')
    assert folder.path == colours
    assert folder.counts() == {"blue": 6, "green": 6, "red": 6}
    dataset, ids = folder.dataset()
    assert len(ids) == len(dataset) == 18
    (photo_id, name), *others = folder.some("green")
    assert name.startswith("green/")
    assert len(others) == 5
    assert folder.small(photo_id).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("photo_id", ["folder-18", "folder--1", "folder-x", "folder-٣", "folder-" + "9" * 30])
def test_only_the_folders_own_photos_are_shown(colours: Path, photo_id: str) -> None:
    with pytest.raises(UsageError, match="one of the folder's"):
        Folder.read(str(colours)).small(photo_id)


def test_a_folder_with_a_class_of_one_photo(tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    folder = draw_classes(tmp_path / "few", count=2)
    next((folder / "red").iterdir()).unlink()
    with pytest.raises(DataError, match="red has only 1 photo"):
        Folder.read(str(folder)).dataset()


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Folder.read(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="the field is empty"):
        Folder.read("  ")
    (tmp_path / "reviews.csv").write_text("text,label\n" + "it is good,yes\nit is bad,no\n" * 20)
    with pytest.raises(DataError, match="holds texts; for those"):
        Folder.read(str(tmp_path / "reviews.csv"))
