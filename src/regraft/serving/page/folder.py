"""A folder of this machine that the page was pointed at: read where it is, never written to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from regraft.data.dataset import Dataset
from regraft.data.filenames import printable
from regraft.data.images import read_bytes, thumbnail
from regraft.data.sources import read_source
from regraft.errors import DataError, Unreadable, UsageError
from regraft.serving.page.photos import THUMBNAIL, class_problem

SHOWN = 24
"""Small pictures of each class on the page."""


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder's photos.

    Parameters
    ----------
    path : Path
    found : Dataset
    """

    path: Path
    found: Dataset

    @classmethod
    def read(cls, path: str) -> Folder:
        """Read a folder, a table or an archive of labelled photos.

        Raises
        ------
        DataError
            If it is not there, or holds no classes of photos.
        UsageError
            If nothing was given.
        """
        path = path.strip().strip("\"'")
        if not path:
            raise UsageError("The folder's path must be given, but the field is empty; such as /home/me/flowers.")
        found = read_source(path)
        if found.modality != "image":
            raise DataError(
                f"The page learns from photos, but {printable(path)} holds {found.things}; for those there is "
                "`regraft fit`."
            )
        return cls(Path(path).expanduser().absolute(), found)

    def counts(self) -> dict[str, int]:
        """Return the number of photos of each class."""
        counts = Counter(self.found.y.tolist())
        return {name: counts[position] for position, name in enumerate(self.found.class_names)}

    def ids(self) -> tuple[str, ...]:
        """Return the id of each photo, in the order of the data set."""
        return tuple(f"folder-{position}" for position in range(len(self.found)))

    def some(self, name: str) -> list[tuple[str, str]]:
        """Return the ids and names of some photos of a class."""
        position = self.found.class_names.index(name)
        rows = [row for row, y in enumerate(self.found.y.tolist()) if y == position][:SHOWN]
        return [(f"folder-{row}", self.found.names[row]) for row in rows]

    def dataset(self) -> tuple[Dataset, tuple[str, ...]]:
        """Return the photos as a data set, and the id of each."""
        problem = class_problem(list(self.counts().items()))
        if problem is not None:
            raise DataError(problem)
        return self.found, self.ids()

    def small(self, photo_id: str) -> bytes:
        """Return a photo's small picture, a JPEG.

        Raises
        ------
        UsageError
            If there is no such photo, or it cannot be read.
        """
        number = photo_id.removeprefix("folder-")
        if not (number.isascii() and number.isdecimal()) or len(number) > 9 or int(number) >= len(self.found):
            raise UsageError("The photo must be one of the folder's, but it is not; load the page again.")
        try:
            return thumbnail(read_bytes(self.found.examples[int(number)]), THUMBNAIL)
        except Unreadable as error:
            raise UsageError(f"The photo must be readable, but it is not: {error}.") from None
