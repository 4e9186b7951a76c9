"""Which example is meant by a name that may be shorter or longer than the one the data have for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

SEVERAL, UNKNOWN = -1, -2
"""Answers of `Naming.find` where a name does not tell one example."""

_ROW = "row "


class Naming:
    """Finds examples by name: by the whole of it, by the end of a path, without extension, or by the row's number.

    Parameters
    ----------
    names : sequence of str, length n
        What the data call the examples. A whole name is never taken for the end of another.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._whole: dict[str, int] = {}
        for i, name in enumerate(names):
            name = _plain(name)
            self._whole[name] = i if name not in self._whole else SEVERAL
        self._ends: dict[str, int] = {}
        for i, name in enumerate(names):
            for end in set(_ends(_plain(name))):
                self._ends[end] = i if self._ends.get(end, i) == i else SEVERAL
        self.extensions = tuple({PurePosixPath(name).suffix.lower() for name in self._whole} - {""})
        """Extensions of the names, in lower case."""

    def find(self, name: str) -> int:
        """Return the position of the example meant, SEVERAL or UNKNOWN."""
        name = _plain(name)
        if name in self._whole:
            return self._whole[name]
        if name in self._ends:
            return self._ends[name]
        # The table may have longer paths than the data: data/cats/1.jpg for cats/1.jpg.
        return next((self._whole[end] for end in _tails(name) if end in self._whole), UNKNOWN)


def _plain(name: str) -> str:
    return name.strip().replace("\\", "/").removeprefix("./")


def _tails(name: str) -> Iterator[str]:
    """Yield the ends of a path, the longest first."""
    parts = name.split("/")
    for start in range(1, len(parts)):
        yield "/".join(parts[start:])


def _ends(name: str) -> Iterator[str]:
    """Yield what else an example may be called."""
    for end in (name, *_tails(name)):
        yield end
        extension = PurePosixPath(end).suffix
        if extension:
            yield end.removesuffix(extension)
    if name.startswith(_ROW):
        yield name.removeprefix(_ROW)
