"""A table of the examples without what an audit found wrong; no file is touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.auditing.auditing import Audited
from regraft.auditing.wording import WORDS
from regraft.data.columns import WRITTEN_EXTENSIONS, write_columns
from regraft.data.dataset import NOUNS, Dataset
from regraft.data.filenames import printable
from regraft.data.tables import cell, tells
from regraft.errors import DataError, UsageError

_KEPT_FIRST = {"test": 0, "val": 1, "train": 2}


def check_clean_table(path: str | Path) -> Path:
    """Return the path if a table can be written there, before any work is done.

    Raises
    ------
    UsageError
        If its ending is no table's, it exists, or its folder does not.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN_EXTENSIONS:
        raise UsageError(
            f"--fix-out must end in {', '.join(WRITTEN_EXTENSIONS)}, not {path.suffix or 'nothing'!r}: {path}."
        )
    if path.exists():
        raise UsageError(f"--fix-out must be a new file, but {path} exists; choose another name.")
    if not path.parent.is_dir():
        raise UsageError(f"--fix-out must be in an existing folder, but there is no {path.parent}; make it first.")
    return path


def clean_table(audited: Audited, path: str | Path) -> int:
    """Write the table `image,label[,split][,group],note` (or `text,...`, `recording,...`) without what was found wrong.

    Left out are unreadable images, copies, and every copy of a picture whose copies have different labels. Of copies
    one is kept: in a leak the evaluated one, so that the test stays what it was, else the first. Labels stay as they
    are: a likely error has a note of what it looks like, for a person to decide.

    Parameters
    ----------
    audited : Audited
        Its examples must be files, or texts.
    path : path
        A new .csv, .tsv or .parquet file. Images below its folder are named from there, others in full.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    DataError
        If the images are not files that will stay, nothing is left, or the table cannot be written.
    """
    path, dataset = Path(path), audited.dataset
    check_are_files(dataset)
    rows = np.flatnonzero(kept(audited))
    if not len(rows):
        raise DataError(
            f"A cleaned table must have rows, but every {WORDS[dataset.modality].one} is there several times with "
            "different labels; mend the labels first."
        )
    notes = {
        suspect.position: f"looks like {suspect.suggested} ({suspect.probability:.0%})"
        for suspect in audited.audit.likely_errors
    }
    folder = path.absolute().parent
    columns: dict[str, Sequence[str]] = {
        NOUNS[dataset.modality][0]: [cell(folder, dataset.examples[int(i)]) for i in rows],
        "label": [dataset.class_names[dataset.y[i]] for i in rows],
    }
    if dataset.split is not None:
        columns["split"] = dataset.split[rows].tolist()
    if dataset.groups is not None:
        columns["group"] = dataset.groups[rows].tolist()
    columns["note"] = [notes.get(int(i), "") for i in rows]
    write_columns(columns, path)
    return len(rows)


def check_are_files(dataset: Dataset) -> None:
    """Raise DataError unless every example is a text, or a file that stays where it is."""
    if not tells(dataset):
        raise DataError(
            f"A cleaned table must name files, but the {dataset.things} of {printable(dataset.name)} are none of their "
            "own; unpack them into a folder first."
        )


def kept(audited: Audited) -> npt.NDArray[np.bool_]:
    """Return which images (n,) stay in the cleaned table."""
    split = audited.dataset.split
    stays = np.ones(len(audited.dataset), bool)
    for group in audited.audit.duplicates:
        stays[list(group.positions)] = False
        if not group.contradicts:
            stays[min(group.positions, key=lambda i: (0 if split is None else _KEPT_FIRST[str(split[i])], i))] = True
    return stays
