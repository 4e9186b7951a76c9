"""Tables with several columns of labels: one example a row, and a cell for each task, which may be empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data.columns import TABLE_EXTENSIONS, Columns, read_columns
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.finding import find_files, find_split, named, settle_modality
from regraft.data.labels import as_text
from regraft.data.listing import EXTENSIONS, list_folder
from regraft.data.splits import check_no_group_straddles, part_of, settle
from regraft.errors import DataError, UsageError

OPTION = "--label-columns"

NO_LABEL = "no label in any of the columns"
"""Why an example is left out that nothing can be learnt from or measured by."""

_ANY = tuple(extension for extensions in EXTENSIONS.values() for extension in extensions)


@dataclass(frozen=True, eq=False)
class Cells:
    """What a table with several columns of labels holds.

    Parameters
    ----------
    dataset : Dataset
        The examples, without any labels yet.
    columns : dict of str to tuple of str, each of length n
        The cells of each column of labels as text; what is not known is empty.
    """

    dataset: Dataset
    columns: dict[str, tuple[str, ...]]


def read_tasks(
    path: str | Path,
    label_columns: Sequence[str],
    *,
    column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
) -> Cells:
    """Read a table of images, texts or recordings with several columns of labels.

    Parameters
    ----------
    path : path
        A .csv, .tsv, .jsonl or .parquet file, or a folder with one of these.
    label_columns : sequence of str
        Two columns or more. An empty cell is a label that is not known.
    column : str, optional
        Which column holds the example's file, or the text itself.
    group_column : str, optional
        The column of groups: examples of one group never straddle a split.
    images : path, optional
        The folder that the files are named from; the table's own by default.

    Returns
    -------
    Cells

    Raises
    ------
    UsageError
        If fewer than two columns are named, or one is named twice.
    DataError
        If a column is unknown or empty, no example can be found, or rows contradict each other.
    """
    asked = _asked(label_columns)
    path = _table(Path(path))
    columns, notes = read_columns(path, is_image=_ANY)
    asked = tuple(named(columns, name, path, OPTION) for name in asked)
    folder = None if images is None else Path(images)
    modality, text_column = settle_modality(path, columns, column, folder)
    finder = None
    found_in = text_column
    if text_column is None:
        finder, found_in, said = find_files(path, columns, column, folder, modality)
        notes += said
    assert found_in is not None
    if found_in in asked:
        raise DataError(f"column {found_in!r} holds the {NOUNS[modality][1]} themselves: take it out of {OPTION}.")
    group_column = None if group_column is None else named(columns, group_column, path, "--group-column")
    split_column = find_split(columns, {found_in, group_column, *asked})
    notes.append(f"{NOUNS[modality][1]} are in column {found_in!r}, labels in {', '.join(map(repr, asked))}")
    if split_column is not None:
        notes.append(f"column {split_column!r} says which are for training and which for the test")
    values = columns[found_in]
    examples: list[Any] = [*values] if finder is None else [finder.find(value) for value in values]
    return _cells(path, columns, asked, found_in, examples, modality, split_column, group_column, notes)


def _asked(label_columns: Sequence[str]) -> tuple[str, ...]:
    asked = tuple(name.strip() for name in label_columns)
    if not any(asked):
        raise UsageError(f"{OPTION} must name columns of the table, but names none; name one or more.")
    double = next((name for name in asked if asked.count(name) > 1), None)
    if double is not None:
        raise UsageError(f"{OPTION} must name each column once, but names {double!r} twice; leave one out.")
    return asked


def _table(path: Path) -> Path:
    """Return the table itself, which may be the only one in a folder."""
    if path.is_dir():
        tables = list_folder(path).having(TABLE_EXTENSIONS)
        if len(tables) == 1:
            return path / tables[0]
        raise DataError(
            f"{printable(path)} must hold one table for {OPTION}, but holds {len(tables)}: give the table's own path."
        )
    if not path.is_file():
        raise DataError(f"{printable(path)} does not exist: check the path.")
    if path.suffix.lower() not in TABLE_EXTENSIONS:
        raise DataError(
            f"{printable(path)} must be a table ({', '.join(TABLE_EXTENSIONS)}) for {OPTION}: "
            f"other sources have one label an example."
        )
    return path


def _cells(
    path: Path,
    columns: Columns,
    asked: tuple[str, ...],
    found_in: str,
    examples: list[Any],
    modality: str,
    split_column: str | None,
    group_column: str | None,
    notes: list[str],
) -> Cells:
    values = columns[found_in]
    texts = {name: [printable(cell) for cell in as_text(columns[name])] for name in asked}
    split = [part_of(value) or "" for value in columns[split_column]] if split_column else None
    groups = [printable(value).strip() for value in columns[group_column]] if group_column else None
    named_by_file = any(isinstance(example, Path) for example in examples)
    names = [(printable(value) if named_by_file else "") or f"row {row}" for row, value in enumerate(values, start=1)]
    rows, skipped = _usable(values, names, examples, texts, split, modality)
    _check_found(path, values, examples, rows, modality)
    if named_by_file:
        rows = _without_repeats(path, rows, examples, [*texts.values(), *(c for c in (split, groups) if c)], modality)
    for name in asked:
        if not any(texts[name][row] for row in rows):
            raise DataError(
                f"column {name!r} of {printable(path)} has no label in any row that can be used: "
                f"fill it, or take it out of {OPTION}."
            )
    parts = None
    if split:
        parts, note = settle([split[row] for row in rows])
        notes += [note] if note else []
    dataset = Dataset(
        examples=[examples[row] for row in rows],
        names=tuple(names[row] for row in rows),
        labels={},
        classes={},
        split=parts,
        groups=np.array([groups[row] or names[row] for row in rows], dtype=np.str_) if groups else None,
        modality=modality,
        name=printable(path.stem),
        notes=tuple(notes),
        skipped=tuple(skipped),
    )
    check_no_group_straddles(dataset)
    return Cells(dataset, {name: tuple(texts[name][row] for row in rows) for name in asked})


def _usable(
    values: Sequence[str],
    names: Sequence[str],
    examples: Sequence[Any],
    texts: dict[str, list[str]],
    split: Sequence[str] | None,
    modality: str,
) -> tuple[list[int], list[Skipped]]:
    """Return the rows that can be used, and the others with the reason."""
    rows, skipped = [], []
    for row, value in enumerate(values):
        if not value.strip():
            skipped.append(Skipped(f"row {row + 1}", f"no {NOUNS[modality][0]} is named"))
        elif examples[row] is None:
            skipped.append(Skipped(names[row], "file not found"))
        elif split and not split[row]:
            skipped.append(Skipped(names[row], "empty split"))
        elif not any(cells[row] for cells in texts.values()):
            skipped.append(Skipped(names[row], NO_LABEL))
        else:
            rows.append(row)
    return rows, skipped


def _check_found(
    path: Path, values: Sequence[str], examples: Sequence[Any], rows: Sequence[int], modality: str
) -> None:
    missing = [value for value, example in zip(values, examples, strict=True) if value.strip() and example is None]
    if len(missing) > len(values) / 2:
        raise DataError(
            f"{len(missing)} of the {len(values)} {NOUNS[modality][1]} of {printable(path)} are not found, such as "
            f"{printable(missing[0])}: say with --images which folder they are in."
        )
    if not rows:
        raise DataError(f"{printable(path)} has no row with {NOUNS[modality][0]} and label: check its columns.")


def _without_repeats(
    path: Path, rows: Sequence[int], examples: Sequence[Any], told: Sequence[Sequence[str]], modality: str
) -> list[int]:
    """Return the first row of each file; raise where two rows of a file contradict each other."""
    first: dict[Any, int] = {}
    for row in rows:
        earlier = first.setdefault(examples[row], row)
        if any(cells[row] != cells[earlier] for cells in told):
            raise DataError(
                f"rows {earlier + 1} and {row + 1} of {printable(path)} name one {NOUNS[modality][0]} and contradict "
                f"each other: keep one row for each."
            )
    return list(first.values())
