"""Recognise what a user points at, and read it: folder, table, HDF5, archive, arrays."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data.archives import ARCHIVE_EXTENSIONS, archive_stem, extract
from regraft.data.arrays import are_texts, list_arrays, read_arrays
from regraft.data.columns import TABLE_EXTENSIONS
from regraft.data.dataset import NOUNS, Dataset, Row
from regraft.data.filenames import printable
from regraft.data.folders import read_folder
from regraft.data.hdf5 import HDF5_EXTENSIONS, H5Row, hdf5_parts, list_hdf5, read_hdf5
from regraft.data.listing import EXTENSIONS, Listing, descend, inventory, list_folder, walk
from regraft.data.modality import check_modality, of_examples, of_folder, of_name
from regraft.data.splits import part_of
from regraft.data.tables import list_table, read_table
from regraft.errors import DataError, UsageError


@dataclass(frozen=True)
class _Options:
    """What the user said about how to read a table or a folder."""

    column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    domain_column: str | None = None
    images: Path | None = None
    label_from_name: bool = False
    learns: bool = True

    def refuse(self, kind: str, *, but: tuple[str, ...] = ()) -> None:
        """Raise if an option was given that means nothing for this kind of source."""
        for option, value in vars(self).items():
            if value and option not in (*but, "learns"):
                raise UsageError(f"--{option.replace('_', '-')} means nothing for {kind}: leave it out.")


def read_source(
    source: Any,
    *,
    labels: Iterable[Any] | None = None,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    domain_column: str | None = None,
    images: str | os.PathLike[str] | None = None,
    label_from_name: bool = False,
    learns: bool = True,
) -> Dataset:
    """Recognise labelled images, texts or recordings in whatever form, and read them as a dataset.

    Parameters
    ----------
    source : Dataset, str, Path, array or list
        A folder of class folders (also below train, val and test), a table of files and labels, an
        HDF5 file, a zip or tar archive of any of these; an array of shape (n, h, w) or (n, h, w, c), or
        a list of paths, encoded bytes and arrays, of texts, or of pairs of samples and their rate. A Dataset is
        returned as it is.
    labels : array-like of str or int, of shape (n,), optional
        The labels of an array or a list.
    column, label_column, group_column, domain_column : str, optional
        Columns of a table; the first two are guessed where that is obvious, and the last where it is called domain.
    images : str or Path, optional
        The folder that a table's files are named from.
    label_from_name : bool
        Take the labels from the start of the file names, as in `cat.0.jpg`.
    learns : bool
        Whether it is to be learnt from; else one class is enough.

    Returns
    -------
    Dataset
        What was inferred is in its `notes`; what was left out, and why, in `skipped`.

    Raises
    ------
    DataError
        If the source cannot be read as labelled images.
    UsageError
        If an option means nothing for this source.
    """
    folder = Path(images) if images else None
    options = _Options(column, label_column, group_column, domain_column, folder, label_from_name, learns)
    if isinstance(source, str | os.PathLike):
        if labels is not None:
            raise UsageError(f"labels belong to arrays and lists, and {printable(source)} has its own: leave them out.")
        return _read_path(_existing(source), options)
    options.refuse("examples from Python")
    if isinstance(source, Dataset):
        if labels is not None:
            raise UsageError("a Dataset has its own labels: leave labels out.")
        return source
    return read_arrays(source, labels, learns=learns)


def list_examples(source: Any, modality: str | None = None) -> tuple[list[Any], list[str]]:
    """Return the examples of a source without regard to labels, for prediction and embedding.

    Parameters
    ----------
    source : Dataset, str, Path, bytes, array or list
        An image file, a folder (read at any depth), a table, an HDF5 file, an archive; encoded bytes,
        an array of one image (h, w), (h, w, c) or of many (n, h, w), (n, h, w, c); or a list of these.
        An array (a, b, c) is one image if c is 1, 3 or 4. Likewise of texts and recordings; a text itself, where
        texts are wanted, and samples with their rate.
    modality : {"image", "text", "audio"}, optional
        What is wanted; default: what there is.

    Returns
    -------
    examples : list of length n
        What the examples can be read from.
    names : list of str, length n
        What the user calls them.

    Raises
    ------
    DataError
        If there are none, or they are of another kind than is wanted.
    """
    examples, names = _list(source, modality)
    if modality is not None:
        check_modality(of_examples(examples), modality, _shown(source))
    return examples, names


def _list(source: Any, modality: str | None) -> tuple[list[Any], list[str]]:
    if isinstance(source, Dataset):
        return list(source.examples), list(source.names)
    if isinstance(source, str) and modality == "text" and are_texts([source]) and len(source.split()) > 1:
        return [source], ["text"]
    if isinstance(source, str | os.PathLike):
        return _list_path(_existing(source), modality)
    if isinstance(source, list | tuple) and modality == "text" and are_texts(source):
        return list_arrays(source)
    if isinstance(source, list | tuple) and any(isinstance(item, str | os.PathLike) for item in source):
        return _list_many(source, modality)
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], int):
        source = [source]
    if isinstance(source, bytes | Row) or (isinstance(source, np.ndarray) and _is_one_image(source)):
        source = [source]
    return list_arrays(source)


def _read_path(path: Path, options: _Options) -> Dataset:
    kind = _kind(path)
    if kind == "archive":
        unpacked = extract(path)
        dataset = _read_path(unpacked.path, options)
        return replace(dataset, name=printable(archive_stem(path)), _keep=unpacked)
    if kind == "folder":
        return _read_folder(path, options)
    if kind == "table":
        return _read_table(path, options)
    if kind == "HDF5 file":
        options.refuse("an HDF5 file")
        return read_hdf5(path)
    raise DataError(
        f"{printable(path)} is one {kind}, and labelled examples are needed: give a folder of class folders, "
        f"a table ({', '.join(TABLE_EXTENSIONS)}), an HDF5 file or an archive of these."
    )


def _read_folder(folder: Path, options: _Options) -> Dataset:
    """Read a folder: for the HDF5 files or the one table in it, or else for its class folders."""
    modality = of_folder(folder)
    files = EXTENSIONS[modality]
    top = descend(folder, stop_at=TABLE_EXTENSIONS + HDF5_EXTENSIONS, extensions=files)
    listing = list_folder(top, files)
    name = printable(folder.resolve().name)
    if not options.label_from_name:
        if (table := _lone_table(top, listing)) is not None:
            dataset = _read_table(table, options)
            return replace(dataset, name=name, notes=(f"labels are read from {printable(table.name)}", *dataset.notes))
        if hdf5 := _hdf5_files(top, listing):
            options.refuse("a folder of HDF5 files")
            return replace(read_hdf5(hdf5), name=name)
    options.refuse("a folder without one table beside its files", but=("label_from_name",))
    return read_folder(folder, label_from_name=options.label_from_name, modality=modality, learns=options.learns)


def _read_table(table: Path, options: _Options) -> Dataset:
    options.refuse("a table", but=("column", "label_column", "group_column", "domain_column", "images"))
    return read_table(
        table,
        column=options.column,
        label_column=options.label_column,
        group_column=options.group_column,
        domain_column=options.domain_column,
        images=options.images,
        learns=options.learns,
    )


def _list_path(path: Path, modality: str | None = None) -> tuple[list[Any], list[str]]:
    kind = _kind(path)
    if kind == "archive":
        return _list_archive(path, modality)
    if kind == "folder":
        return _list_folder(path, modality)
    if kind == "table":
        files, names = list_table(path)
        return list(files), names
    if kind == "HDF5 file":
        rows, names = list_hdf5(path)
        return list(rows), names
    return [path], [printable(path)]


def _list_folder(folder: Path, modality: str | None) -> tuple[list[Any], list[str]]:
    found = of_folder(folder)
    wanted = EXTENSIONS[found]
    files = [
        here / name for here, listing in walk(folder, extensions=wanted) for name in listing.files + listing.broken
    ]
    if files:
        return list(files), [printable(file.relative_to(folder).as_posix()) for file in files]
    top = descend(folder, stop_at=TABLE_EXTENSIONS + HDF5_EXTENSIONS)
    listing = list_folder(top)
    for name in listing.having(TABLE_EXTENSIONS) + listing.having(HDF5_EXTENSIONS):
        if len(listing.others) == 1:
            return _list_path(top / name, modality)
    raise DataError(f"{printable(folder)} holds no {NOUNS[modality or found][1]}: found {inventory(folder)}.")


def _list_many(sources: Iterable[Any], modality: str | None) -> tuple[list[Any], list[str]]:
    """List several sources one after the other; names below a folder are told apart by the folder."""
    examples: list[Any] = []
    names: list[str] = []
    for position, source in enumerate(sources):
        found, own = _list(source, modality)
        if not isinstance(source, str | os.PathLike):
            noun = NOUNS[of_examples(found)][0]
            own = [f"{noun} {position}"] if len(own) == 1 else [f"{noun} {position}, {name}" for name in own]
        elif own != [printable(source)]:
            own = [printable(Path(source) / name) for name in own]
        examples += found
        names += own
    return examples, names


class _Unpacked(type(Path())):  # type: ignore[misc]
    """A file of an unpacked archive, which stays as long as one of its paths does."""

    folder: Any = None


def _list_archive(path: Path, modality: str | None) -> tuple[list[Any], list[str]]:
    unpacked = extract(path)
    examples, names = _list_path(unpacked.path, modality)

    def kept(file: Path) -> Path:
        own = _Unpacked(file)
        own.folder = unpacked
        return own

    return [
        replace(example, path=kept(example.path))
        if isinstance(example, H5Row)
        else (kept(example) if isinstance(example, Path) else example)
        for example in examples
    ], names


def _kind(path: Path) -> str:
    """Return what a path is, by its name, in a word for messages."""
    if path.is_dir():
        return "folder"
    kinds = {
        "table": TABLE_EXTENSIONS,
        "HDF5 file": HDF5_EXTENSIONS,
        "archive": ARCHIVE_EXTENSIONS,
    }
    modality = of_name(path.name)
    named = "file" if modality is None else NOUNS[modality][0]
    return next((kind for kind, ends in kinds.items() if path.name.lower().endswith(ends)), named)


def _lone_table(folder: Path, listing: Listing) -> Path | None:
    """Return the only table of a folder without class folders, if it is the only one."""
    tables = listing.having(TABLE_EXTENSIONS)
    if len(tables) != 1:
        return None
    has_classes = any(list_folder(folder / name).folders for name in listing.folders)
    if all(part_of(name) for name in listing.folders):
        return None if has_classes or not (listing.files or listing.folders) else folder / tables[0]
    return folder / tables[0] if len(listing.folders) == 1 else None


def _hdf5_files(folder: Path, listing: Listing) -> Path | dict[str, Path] | None:
    """Return the one HDF5 file of a folder without images, or its files for train and test."""
    files = listing.having(HDF5_EXTENSIONS)
    if not files or listing.files or listing.folders:
        return None
    if len(files) == 1:
        return folder / files[0]
    parts = hdf5_parts(folder, files)
    if parts is None:
        raise DataError(
            f"{printable(folder)} holds several HDF5 files, {', '.join(map(printable, files[:5]))}: "
            f"give one of them, or name them train_*.h5 and test_*.h5."
        )
    return parts


def _existing(source: str | os.PathLike[str]) -> Path:
    path = Path(source).expanduser()
    if os.path.lexists(path):
        return path
    beside = list_folder(path.parent) if path.parent.is_dir() else Listing()
    near = difflib.get_close_matches(path.name, beside.folders + beside.files + beside.others, n=1)
    guess = f"did you mean {printable(path.with_name(near[0]))}?" if near else "check the path."
    raise DataError(f"{printable(path)} does not exist: {guess}")


def _shown(source: Any) -> str:
    """Return what the user calls a source, for messages."""
    if isinstance(source, str | os.PathLike):
        return printable(source)
    return source.name if isinstance(source, Dataset) else "what was given"


def _is_one_image(array: np.ndarray) -> bool:
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
