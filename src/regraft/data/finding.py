"""Find the files and the columns that a table means."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from regraft.data.columns import Columns
from regraft.data.filenames import printable
from regraft.data.listing import EXTENSIONS, IMAGE_EXTENSIONS, list_folder
from regraft.data.splits import part_of
from regraft.errors import DataError

# In the order in which they are tried.
_FILE_NAMES = (
    *("image_path", "image_file", "image_filename", "image_name", "image", "img_path", "img", "filepath"),
    *("audio_path", "audio_file", "audio", "sound", "recording", "clip", "wav", "slice_file_name"),
    *("file_path", "path", "filename", "file_name", "file", "picture", "photo", "image_id", "img_id", "id"),
)
_TEXT_NAMES = (
    *("text", "sentence", "review", "comment", "message", "content", "body", "tweet", "document", "utterance"),
    *("question", "description", "abstract", "headline", "title", "post", "sms", "email"),
)
_LABEL_NAMES = (
    *(
        "label",
        "labels",
        "class",
        "class_name",
        "category",
        "target",
        "species",
        "breed",
        "diagnosis",
        "dx",
        "y",
    ),
)
_SPLIT_NAMES = ("split", "set", "subset")
_WORDS = 3  # so many words, or more, are prose
_SAMPLE = 100  # rows that are looked at to guess a column or a folder


class Finder:
    """Finds files by the names that a table gives them, listing each folder once.

    Parameters
    ----------
    base : Path
        The folder that names start from.
    extensions : tuple of str
        Of the files that are looked for.
    """

    def __init__(self, base: Path, extensions: tuple[str, ...] = IMAGE_EXTENSIONS) -> None:
        self.base, self.extensions = base, extensions
        self._folders: dict[Path, dict[str, str]] = {}

    def find(self, value: str) -> Path | None:
        """Return the file of that name, with or without its extension, or None."""
        for text in dict.fromkeys((value, value.strip(), value.strip().replace("\\", "/"))):
            file = self.base / text
            if text and (name := self._names(file.parent).get(file.name)):
                return file.with_name(name)
            if text and os.path.isfile(file):  # noqa: PTH113  (Path.is_file raises on names too long)
                return file
        return None

    def finds_most(self, values: Sequence[str]) -> bool:
        """Whether at least half of a sample of the values are files."""
        sample = [value for value in values if value.strip()]
        sample = sample[:: max(1, len(sample) // _SAMPLE)]
        return bool(sample) and sum(self.find(value) is not None for value in sample) >= len(sample) / 2

    def _names(self, folder: Path) -> dict[str, str]:
        """Return the name of each file in a folder, by its name and by its name without extension."""
        if folder not in self._folders:
            files = list_folder(folder, self.extensions).files if os.path.isdir(folder) else []  # noqa: PTH112
            order = sorted(files, key=lambda name: self.extensions.index(Path(name).suffix.lower()), reverse=True)
            self._folders[folder] = {Path(name).stem: name for name in order} | {name: name for name in files}
        return self._folders[folder]


def find_files(
    table: Path, columns: Columns, asked: str | None, images: Path | None, modality: str = "image"
) -> tuple[Finder, str, list[str]]:
    """Find the column of files and the folder that its names start from.

    Parameters
    ----------
    table : Path
        The table's file.
    columns : Columns
        Its columns.
    asked : str, optional
        The column, where the user named it.
    images : Path, optional
        The folder, where the user named it; else the table's own, or the only folder beside the table
        in which the files are.
    modality : {"image", "text", "audio"}
        Which files are looked for.

    Returns
    -------
    finder, column, notes
        What finds the files, the column's name, and a note where the folder was guessed.

    Raises
    ------
    DataError
        If the folder or column does not exist, the column is not obvious, or several folders would do.
    """
    if images is not None and not images.is_dir():
        raise DataError(f"there is no folder {printable(images)}: give --images the folder that the images are in.")
    extensions = EXTENSIONS[modality]
    here = Finder(images or table.parent, extensions)
    candidates = [named(columns, asked, table, "--column")] if asked else _file_candidates(columns, here, table)
    column = next((c for c in candidates if here.finds_most(columns[c])), None)
    if column is not None or images is not None:
        return here, column or candidates[0], []
    beside = [Finder(table.parent / name, extensions) for name in list_folder(table.parent).folders]
    for column in candidates:
        able = [finder for finder in beside if finder.finds_most(columns[column])]
        if len(able) > 1:
            places = " and ".join(f"{printable(finder.base.name)}/" for finder in able)
            raise DataError(f"the images of {printable(table)} could be those in {places}: say which with --images.")
        if able:
            return able[0], column, [f"images are those in {printable(able[0].base.name)}/"]
    return here, candidates[0], []


def find_labels(columns: Columns, asked: str | None, taken: Collection[str | None], table: Path) -> str:
    """Return the column of labels: the one asked for, the one so named, or the only one left.

    Raises
    ------
    DataError
        If there is no such column, or it is not obvious.
    """
    if asked is not None:
        return named(columns, asked, table, "--label-column")
    free = [column for column in columns if column not in taken]
    by_name = [column for column in free if _plain(column) in _LABEL_NAMES]
    if len(free) > 1:
        free = [column for column in free if _plain(column) != "domain"]
    if len(by_name or free) != 1:
        raise _not_obvious("label", columns, table, "--label-column")
    return (by_name or free)[0]


def find_split(columns: Columns, taken: Collection[str | None]) -> str | None:
    """Return the column that says train, val or test for each row, if there is one."""
    for column, values in columns.items():
        if column not in taken and _plain(column) in _SPLIT_NAMES:
            given = {value for value in values if value.strip()}
            if given and all(part_of(value) for value in given):
                return column
    return None


def named(columns: Columns, asked: str, table: Path, option: str) -> str:
    """Return the column that the user named.

    Raises
    ------
    DataError
        If there is none of that name; the message has the nearest one.
    """
    if asked in columns:
        return asked
    near = difflib.get_close_matches(asked.lower(), [column.lower() for column in columns], n=1, cutoff=0.5)
    guess = next((f"; did you mean {column!r}?" for column in columns if column.lower() in near), ".")
    raise DataError(f"{printable(table)} has no column {asked!r} for {option}: it has {_shown(columns)}{guess}")


def _file_candidates(columns: Columns, here: Finder, table: Path) -> list[str]:
    """Return the columns that may hold the files, the likeliest first."""
    by_name = sorted((c for c in columns if _plain(c) in _FILE_NAMES), key=lambda c: _FILE_NAMES.index(_plain(c)))
    if by_name:
        return by_name
    by_value = [
        c for c, values in columns.items() if _mostly_end_in(values, here.extensions) or here.finds_most(values)
    ]
    if len(by_value) != 1:
        raise _not_obvious("images, texts or recordings", columns, table, "--column")
    return by_value


def settle_modality(table: Path, columns: Columns, asked: str | None, images: Path | None) -> tuple[str, str | None]:
    """Return the modality of a table's examples; and the column of texts, where they stand in the table itself.

    Parameters
    ----------
    table, columns, asked, images
        As for `find_files`.

    Raises
    ------
    DataError
        If the column asked for does not exist, or several columns hold prose.
    """
    looked_at = [named(columns, asked, table, "--column")] if asked else [*columns]
    for modality, extensions in EXTENSIONS.items():
        if any(_mostly_end_in(columns[column], extensions) for column in looked_at):
            return modality, None
    places = [Finder(images or table.parent)]
    if images is None:
        places += [Finder(table.parent / name) for name in list_folder(table.parent).folders]
    if any(place.finds_most(columns[column]) for place in places for column in looked_at):
        return "image", None
    if images is not None:
        return "image", None
    if asked:
        return ("text", asked) if _is_prose(columns[asked]) or _plain(asked) in _TEXT_NAMES else ("image", None)
    by_name = sorted((c for c in columns if _plain(c) in _TEXT_NAMES), key=lambda c: _TEXT_NAMES.index(_plain(c)))
    if by_name:
        return "text", by_name[0]
    prose = [column for column in columns if _plain(column) not in _LABEL_NAMES and _is_prose(columns[column])]
    if len(prose) > 1:
        raise _not_obvious("texts", columns, table, "--column")
    return ("text", prose[0]) if prose else ("image", None)


def _is_prose(values: Sequence[str]) -> bool:
    """Whether most values are several words."""
    written = [value for value in values if value.strip()]
    return sum(len(value.split()) >= _WORDS for value in written) > len(written) / 2


def _mostly_end_in(values: Sequence[str], extensions: tuple[str, ...]) -> bool:
    return sum(value.strip().lower().endswith(extensions) for value in values) > len(values) / 2


def _not_obvious(what: str, columns: Columns, table: Path, option: str) -> DataError:
    return DataError(
        f"which column of {printable(table)} holds the {what} is not obvious: it has {_shown(columns)}; "
        f"name it with {option}."
    )


def _shown(columns: Columns) -> str:
    names = [repr(printable(column)) for column in columns]
    return "the columns " + ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "_").replace("-", "_")
