"""Photos that were dropped into named classes: kept in a folder of the server's own, and nowhere else."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regraft.data.dataset import Dataset
from regraft.data.images import read_bytes, thumbnail
from regraft.data.labels import labelled
from regraft.errors import DataError, Unreadable, UsageError

THUMBNAIL = 160
"""Pixels of a small picture's longest side."""

LONGEST_NAME = 100
"""Characters of a class's name at most."""


@dataclass(frozen=True)
class Photo:
    """One photo: a number of its own, what the user calls it, and where it is."""

    id: str
    name: str
    path: Path


@dataclass
class PhotoClass:
    """A named class and its photos; the name may be empty while the user is at it."""

    id: str
    name: str
    photos: list[Photo] = field(default_factory=list)


class Photos:
    """The classes of a page and their photos; two threads may use it at once.

    Parameters
    ----------
    folder : Path
        An existing one, for the photos and their small pictures.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._classes: list[PhotoClass] = []
        self.version = 0
        """Counts the changes that an audit or a training would see."""
        self.add_class()
        self.add_class()

    @property
    def classes(self) -> tuple[PhotoClass, ...]:
        """The classes as they are now, in the order they were made."""
        with self._lock:
            return tuple(PhotoClass(each.id, each.name, list(each.photos)) for each in self._classes)

    def add_class(self, name: str = "") -> str:
        """Make a class without photos, and return its id."""
        with self._lock:
            made = PhotoClass(_new_id(), clean_name(name))
            self._classes.append(made)
            self.version += 1
            return made.id

    def rename(self, class_id: str, name: str) -> None:
        """Give a class another name."""
        name = clean_name(name)
        with self._lock:
            found = self._class(class_id)
            if found.name != name:
                found.name = name
                self.version += 1

    def remove_class(self, class_id: str) -> None:
        """Forget a class and its photos."""
        with self._lock:
            gone = self._class(class_id)
            self._classes.remove(gone)
            self.version += 1
        for photo in gone.photos:
            self._delete(photo)

    def add(self, class_id: str, name: str, raw: bytes) -> str | None:
        """Take a photo into a class, or return why it cannot be one.

        Parameters
        ----------
        class_id : str
        name : str
            The file's name, for people.
        raw : bytes
            The file's content.
        """
        self._class(class_id)
        try:
            small = thumbnail(read_bytes(raw), THUMBNAIL)
        except Unreadable as error:
            return str(error)
        photo = Photo(_new_id(), _short(name), self._folder / f"{_new_id()}{_ending(name)}")
        photo.path.write_bytes(raw)
        self._small(photo.id).write_bytes(small)
        with self._lock:
            try:
                self._class(class_id).photos.append(photo)
            except UsageError:  # removed by another browser in this moment
                self._delete(photo)
                raise
            self.version += 1
        return None

    def move(self, photo_id: str, name: str) -> None:
        """Move a photo to the class of a name."""
        with self._lock:
            target = next((each for each in self._classes if each.name == name), None)
            if target is None:
                raise UsageError(f"A photo can only be moved to a class that is there, but {name!r} is not; add it.")
            owner, photo = self._photo(photo_id)
            owner.photos.remove(photo)
            target.photos.append(photo)
            self.version += 1

    def remove(self, photo_id: str) -> None:
        """Forget one photo."""
        with self._lock:
            owner, photo = self._photo(photo_id)
            owner.photos.remove(photo)
            self.version += 1
        self._delete(photo)

    def small(self, photo_id: str) -> bytes:
        """Return a photo's small picture, a JPEG."""
        with self._lock:
            self._photo(photo_id)
        return self._small(photo_id).read_bytes()

    def dataset(self) -> tuple[Dataset, tuple[str, ...]]:
        """Return the photos as a data set, and the id of each."""
        problem = class_problem([(each.name, len(each.photos)) for each in self.classes])
        if problem is not None:
            raise DataError(problem)
        rows = [(photo, each.name) for each in self.classes for photo in each.photos]
        used: dict[str, int] = {}
        names = [_unique(f"{label}/{photo.name}", used) for photo, label in rows]
        found = labelled([photo.path for photo, _ in rows], names, [label for _, label in rows], name="photos")
        return found, tuple(photo.id for photo, _ in rows)

    def _class(self, class_id: str) -> PhotoClass:
        with self._lock:
            for each in self._classes:
                if each.id == class_id:
                    return each
        raise UsageError("The class must be one of the page's, but it is not there any more; load the page again.")

    def _photo(self, photo_id: str) -> tuple[PhotoClass, Photo]:
        for each in self._classes:
            for photo in each.photos:
                if photo.id == photo_id:
                    return each, photo
        raise UsageError("The photo must be one of the page's, but it is not there any more; load the page again.")

    def _small(self, photo_id: str) -> Path:
        return self._folder / f"{photo_id}.small"

    def _delete(self, photo: Photo) -> None:
        photo.path.unlink(missing_ok=True)
        self._small(photo.id).unlink(missing_ok=True)


def class_problem(classes: Sequence[tuple[str, int]]) -> str | None:
    """Return in a sentence why nothing can be learnt from classes of so many photos yet; None where it can.

    Parameters
    ----------
    classes : sequence of (str, int)
        Name and number of photos of each; those with neither are not there yet.
    """
    there = [(name, count) for name, count in classes if name or count]
    nameless = next((count for name, count in there if not name), None)
    if nameless is not None:
        return f"Every class needs a name, but one with {_count(nameless)} has none: write it above its photos."
    names = [name for name, _ in there]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"Two classes are called {twice}: give one of them another name, or remove it."
    filled = [(name, count) for name, count in there if count]
    if len(filled) < 2:
        has = "there are none yet" if not filled else f"only {filled[0][0]} has photos"
        return f"At least two classes need photos, and {has}: name two classes and drop photos into both."
    few = next((name for name, count in filled if count < 2), None)
    if few is not None:
        return (
            f"{few} has only 1 photo, and every class needs 2 or more, to learn from one and be tested on another: "
            "add photos, or remove the class."
        )
    empty = next((name for name, count in there if not count), None)
    if empty is not None:
        return f"{empty} has no photos: drop some into it, or remove the class."
    return None


def clean_name(name: str) -> str:
    """Return a class's name as it is kept: on one line, without blanks around it.

    Raises
    ------
    UsageError
        If it is longer than any name is.
    """
    name = _writable(" ".join(name.split()))
    if len(name) > LONGEST_NAME:
        raise UsageError(
            f"A class's name may have {LONGEST_NAME} characters at most, but this one has {len(name)}; shorten it."
        )
    return name


def _count(photos: int) -> str:
    return "1 photo" if photos == 1 else f"{photos:,} photos" if photos else "no photos"


def _new_id() -> str:
    return secrets.token_hex(8)


def _short(name: str) -> str:
    """Return the last part of a file's name, for people."""
    return _writable(name.replace("\\", "/").rpartition("/")[2])[-LONGEST_NAME:] or "photo"


def _writable(text: str) -> str:
    """Return a text without what UTF-8 cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _ending(name: str) -> str:
    """Return a file's extension if it is a plain one."""
    ending = Path(_short(name)).suffix.lower()
    return ending if ending[1:].isalnum() and ending.isascii() and len(ending) <= 5 else ""


def _unique(name: str, used: dict[str, int]) -> str:
    """Return a name, with a number where it was there before."""
    used[name] = used.get(name, 0) + 1
    stem, dot, ending = name.rpartition(".")
    if used[name] == 1:
        return name
    return f"{stem} ({used[name]}){dot}{ending}" if dot else f"{name} ({used[name]})"
