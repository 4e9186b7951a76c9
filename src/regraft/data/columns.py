"""Columns of text from CSV, TSV, JSON lines and Parquet files, and back."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regraft.data.filenames import on_one_line, printable
from regraft.data.labels import as_text
from regraft.errors import DataError

LINES_EXTENSIONS = (".jsonl", ".ndjson")
WRITTEN_EXTENSIONS = (".csv", ".tsv", ".parquet")
TABLE_EXTENSIONS = WRITTEN_EXTENSIONS + LINES_EXTENSIONS

LONGEST_VALUE = 2**27
"""Characters of one value in a .csv file; Python's own limit is a few pages of text."""

MAX_BYTES = 2**30
"""Larger tables are refused before they are read: a line names an example, and takes some ten bytes."""

ALWAYS_BYTES, MAX_RATIO = 2**28, 100
"""What any .parquet file may unpack to; more may be so many times the file's own size."""

ALWAYS_CELLS = 1_000_000
"""Values that any .jsonl or .parquet file may have; more must be at least a byte each in the file."""

Columns = dict[str, list[str]]


def read_columns(path: Path, *, is_image: tuple[str, ...] = ()) -> tuple[Columns, list[str]]:
    """Read a table as columns of text.

    Parameters
    ----------
    path : Path
        A .csv (commas, semicolons, tabs, bars, or spaces between values), .tsv, .jsonl or
        .parquet file.
    is_image : tuple of str
        Extensions of images: a first line with a name that ends in one is data, not the header.

    Returns
    -------
    columns : dict of str to list of str, each of length n
        The values of each column; what is missing is empty.
    notes : list of str
        What was inferred.

    Raises
    ------
    DataError
        If the file cannot be read, rows differ in length, two columns have one name, or there are no rows.
    """
    try:
        _check_size(path.stat().st_size, path)
        if path.suffix.lower() == ".parquet":
            columns, notes = _parquet(path)
        elif path.suffix.lower() in LINES_EXTENSIONS:
            columns, notes = _json_lines(path)
        else:
            columns, notes = _delimited(path, is_image)
    except OSError as error:
        raise DataError(f"the table {printable(path)} cannot be opened: {error.strerror or error}.") from error
    if not any(columns.values()):
        raise DataError(f"the table {printable(path)} has no rows: it needs a line for each example.")
    return columns, notes


def write_columns(columns: Mapping[str, Sequence[str]], path: Path) -> None:
    """Write columns of text as .csv, .tsv or .parquet; the file appears whole or not at all.

    Raises
    ------
    DataError
        If the extension is another, the file exists, its folder does not, or it cannot be written.
    """
    extension = path.suffix.lower()
    if extension not in WRITTEN_EXTENSIONS:
        raise DataError(f"a table's name must end in {', '.join(WRITTEN_EXTENSIONS)}, and {printable(path)} does not.")
    if path.exists():
        raise DataError(f"{printable(path)} exists and is not overwritten: choose another name.")
    if not path.parent.is_dir():
        raise DataError(f"the folder {printable(path.parent)} does not exist: create it first.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if extension == ".parquet":
            _write_parquet(columns, unfinished)
        else:
            _write_delimited(columns, unfinished, "\t" if extension == ".tsv" else ",")
        unfinished.replace(path)
    except UnicodeEncodeError as error:
        raise DataError("Parquet holds only UTF-8 text, and a file's name is not: write a .csv instead.") from error
    except OSError as error:
        raise DataError(f"{printable(path)} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _delimited(path: Path, is_image: tuple[str, ...]) -> tuple[Columns, list[str]]:
    with path.open("rb") as start:
        mark = start.read(2)
    encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    # Names of files need not be UTF-8: surrogateescape carries their bytes through.
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as lines:
        try:
            rows = list(_rows(lines, path))
        except (csv.Error, UnicodeError) as error:
            raise DataError(f"the table {printable(path)} cannot be read as text: {error}.") from error
    if not rows:
        raise DataError(f"the table {printable(path)} is empty: it needs a line for each example.")
    notes = []
    header = [name.strip() or f"column_{i}" for i, name in enumerate(rows[0][1], start=1)]
    if any(name.lower().endswith(is_image) for name in header if is_image):
        header = [f"column_{i}" for i in range(1, len(header) + 1)]
        notes.append(f"{printable(path.name)} has no header: its columns are called {', '.join(header)}")
    else:
        rows = rows[1:]
    for line, row in rows:
        if len(row) != len(header):
            raise DataError(
                f"line {line} of {printable(path)} has {len(row)} values for {len(header)} columns: "
                f"put names that contain the separator in double quotes."
            )
    _check_distinct(header, path)
    return {name: [row[i] for _, row in rows] for i, name in enumerate(header)}, notes


def _rows(lines: Iterator[str], path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the values of each line that is not blank."""
    first = next((line for line in lines if line.strip()), "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
    whole = _again(first, lines)
    # A header of one word is that of one column, whose texts may hold spaces.
    if delimiter in first or len(first.split()) == 1:
        reader = csv.reader(whole, delimiter=delimiter, skipinitialspace=delimiter != "\t")
        before = csv.field_size_limit(LONGEST_VALUE)
        try:
            yield from ((reader.line_num, row) for row in reader if any(row))
        finally:
            csv.field_size_limit(before)
    else:
        yield from ((number, line.split()) for number, line in enumerate(whole, start=1) if line.strip())


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _parquet(path: Path) -> tuple[Columns, list[str]]:
    import pyarrow
    import pyarrow.parquet

    try:
        # With page checksums a damaged page is found before it is unpacked.
        file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
        schema = file.schema_arrow
        _check_distinct(schema.names, path)
        flat = [field.name for field in schema if not pyarrow.types.is_nested(field.type)]
        _check_cells(file.metadata.num_rows * max(1, len(flat)), path)
        _check_size(sum(_unpacked_sizes(file.metadata)), path, max(ALWAYS_BYTES, MAX_RATIO * path.stat().st_size))
        table = file.read(flat, use_threads=False)
        return {name: as_text(table.column(name).to_pylist()) for name in flat}, []
    except DataError:
        raise
    except Exception as error:  # Arrow raises OSError and TypeError too on foreign bytes.
        raise DataError(f"{printable(path)} is not a Parquet file that can be read: {on_one_line(error)}.") from error


def _unpacked_sizes(metadata: Any) -> Iterator[int]:
    for group in range(metadata.num_row_groups):
        yield metadata.row_group(group).total_byte_size


def _check_cells(cells: int, path: Path) -> None:
    """Refuse a table that has far more values than bytes: they are nothing but repetitions, and take gigabytes."""
    most = max(ALWAYS_CELLS, path.stat().st_size)
    if not 0 <= cells <= most:
        raise DataError(
            f"the table {printable(path)} must have at most {most:,} values, the limit for its size, and has {cells:,}"
            ": leave out the columns that are not needed."
        )


def _check_size(size: int, path: Path, most: int = MAX_BYTES) -> None:
    if not 0 <= size <= min(most, MAX_BYTES):
        raise DataError(
            f"the table {printable(path)} must be of at most {min(most, MAX_BYTES) / 2**20:,.0f} MB, and is of "
            f"{size / 2**20:,.0f} MB: split it."
        )


def _json_lines(path: Path) -> tuple[Columns, list[str]]:
    """Read one JSON object a line; values that are objects or lists are left out."""
    rows: list[dict[str, object]] = []
    try:
        # Split at line feeds alone: other line ends of Unicode may stand inside a JSON text.
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{printable(path)} must be UTF-8, as JSON is, but is not ({error.reason}): save it anew."
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DataError(
                f"line {number} of {printable(path)} must be a JSON object such as "
                f'{{"text": "...", "label": "..."}}, and is not: mend it.'
            )
        rows.append(row)
    flat = {
        name: None
        for row in rows
        for name, value in row.items()
        if value is not None and not isinstance(value, dict | list)
    }
    _check_cells(len(flat) * len(rows), path)
    return {
        name: as_text(None if isinstance(row.get(name), dict | list) else row.get(name) for row in rows)
        for name in flat
    }, []


def _check_distinct(names: list[str], path: Path) -> None:
    double = next((name for name, count in Counter(names).items() if count > 1), None)
    if double is not None:
        raise DataError(f"two columns of {printable(path)} are called {double!r}: rename one.")


def _write_delimited(columns: Mapping[str, Sequence[str]], path: Path, delimiter: str) -> None:
    with path.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_parquet(columns: Mapping[str, Sequence[str]], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({name: pyarrow.array(values, pyarrow.string()) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, path)
