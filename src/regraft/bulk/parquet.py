"""Sources whose examples stand in Parquet files: encoded bytes, or texts, a row each."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from regraft.bulk.listed import file_system
from regraft.bulk.shards import AHEAD, Examples, Fetched
from regraft.data.columns import ALWAYS_CELLS
from regraft.data.filenames import on_one_line, printable
from regraft.data.modality import of_examples
from regraft.errors import DataError, RegraftError

NAMES = ("id", "key", "name", "path", "file", "file_name", "url")
"""Columns that a row is called by, the first of them that there is."""


@dataclass(frozen=True)
class Columns:
    """Which columns of the files are read.

    Parameters
    ----------
    example : str
        Of bytes, of texts, or of structures with a field "bytes".
    name : str or None
        What a row is called by, perhaps a field such as "image.path"; None: its file and number.
    """

    example: str
    name: str | None


@dataclass(frozen=True)
class ParquetShard:
    """Consecutive rows of some Parquet files.

    Parameters
    ----------
    url : str
        Names the file system.
    parts : tuple of (path, first row, number of rows)
    columns : Columns
    """

    url: str
    parts: tuple[tuple[str, int, int], ...]
    columns: Columns

    @property
    def rows(self) -> int:
        """How many they are."""
        return sum(rows for _, _, rows in self.parts)

    def read(self) -> Examples:
        """Return the rows: their names now, their bytes as they are asked for."""
        return Examples(Fetched(self.rows, self._chunks()), [name for part in self.parts for name in self._names(part)])

    def _names(self, part: tuple[str, int, int]) -> list[str]:
        path, first, rows = part
        file = path.rpartition("/")[2]
        if self.columns.name is None:
            return [printable(f"{file} row {row}") for row in range(first, first + rows)]
        field = self.columns.name.rpartition(".")[2]
        found = [value for batch in self._batches(part, self.columns.name) for value in batch]
        values = [value.get(field) if isinstance(value, dict) else value for value in found]
        return [
            printable(str(value)) if value not in (None, "") else printable(f"{file} row {first + i}")
            for i, value in enumerate(values)
        ]

    def _chunks(self) -> Iterator[list[Any]]:
        waiting: list[Any] = []
        for part in self.parts:
            for batch in self._batches(part, self.columns.example):
                waiting += [_example(value) for value in batch]
                while len(waiting) >= AHEAD:
                    yield waiting[:AHEAD]
                    waiting = waiting[AHEAD:]
        if waiting:
            yield waiting

    def _batches(self, part: tuple[str, int, int], column: str) -> Iterator[list[Any]]:
        """Yield the values of a column, some rows at a time, of the row groups that the part lies in."""
        path, first, rows = part
        with opened(self.url, path) as file:
            counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            ends = list(accumulate(counts))
            begin, end = bisect_right(ends, first), bisect_right(ends, first + rows - 1)
            skip = first - (ends[begin] - counts[begin])
            left = rows
            groups = list(range(begin, end + 1))
            for batch in file.iter_batches(batch_size=AHEAD, row_groups=groups, columns=[column]):
                values = batch.column(0).slice(min(skip, batch.num_rows))
                skip = max(0, skip - batch.num_rows)
                values = values.slice(0, left)
                left -= len(values)
                if len(values):
                    yield values.to_pylist()
                if not left:
                    return


def _example(value: Any) -> Any:
    """Return what a cell holds; one that is empty is an example that cannot be read."""
    if isinstance(value, dict):
        value = value.get("bytes")
    return b"" if value is None else value


@dataclass(frozen=True)
class ParquetRows:
    """The rows of Parquet files, one after the other.

    Parameters
    ----------
    url : str
        Names the file system.
    files : tuple of (path, number of rows)
    columns : Columns
    modality : {"image", "text", "audio"}
    """

    url: str
    files: tuple[tuple[str, int], ...]
    columns: Columns
    modality: str

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(rows for _, rows in self.files)

    def digest(self) -> str:
        """Return the digest of the files' names and numbers of rows, and of the column."""
        told = "\0".join(f"{path.rpartition('/')[2]}\0{rows}" for path, rows in self.files)
        return hashlib.sha256(f"{self.columns.example}\0{told}".encode("utf-8", "surrogatepass")).hexdigest()

    def shard(self, start: int, stop: int) -> ParquetShard:
        """Return rows `start` to `stop`."""
        parts = []
        before = 0
        for path, rows in self.files:
            first, last = max(start - before, 0), min(stop - before, rows)
            if first < last:
                parts.append((path, first, last - first))
            before += rows
        return ParquetShard(self.url, tuple(parts), self.columns)


def parquet_rows(url: str, paths: Sequence[str], column: str | None = None) -> ParquetRows | None:
    """Return the rows of Parquet files; None where they hold neither bytes nor a column of texts that was named.

    Parameters
    ----------
    url : str
        Names the file system.
    paths : sequence of str
        On it.
    column : str, optional
        The column of the examples.

    Raises
    ------
    DataError
        If a file cannot be read, the files are not alike, or the column is unknown or not the only one.
    """
    columns: Columns | None = None
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda path: _footer(url, path), paths))
    for path, (schema, _) in zip(paths, found, strict=True):
        here = _columns(schema, column, path)
        if here is None:
            return None
        if columns is not None and here != columns:
            raise DataError(
                f"All Parquet files must have the same columns, but {printable(path)} has others than "
                f"{printable(paths[0])}; name the column that all have with --column."
            )
        columns = here
    assert columns is not None
    files = tuple((path, rows) for path, (_, rows) in zip(paths, found, strict=True) if rows)
    if not files:
        raise DataError(f"{printable(url)} must have rows, but its Parquet files are empty; check it.")
    rows = ParquetRows(url, files, columns, "image")
    first = rows.shard(0, min(rows.rows, AHEAD)).read().examples
    return ParquetRows(url, files, columns, of_examples(one for one in list(first) if one))


@contextmanager
def opened(url: str, path: str) -> Iterator[Any]:
    """Open a Parquet file of a file system that a URL names.

    Raises
    ------
    DataError
        If it is no Parquet file that can be read.
    RegraftError
        If the way to it fails.
    """
    import pyarrow.parquet

    system, _ = file_system(url)
    try:
        with system.open(path, "rb") as stream, pyarrow.parquet.ParquetFile(stream) as file:
            yield file
    except RegraftError:
        raise
    except Exception as error:  # Arrow raises many kinds on foreign bytes, each file system its own
        if isinstance(error, OSError) and not (type(error) is OSError and error.errno is None):
            raise RegraftError(
                f"{printable(path)} must be readable, but the way to it failed ({on_one_line(error)}); run the same "
                "command again to go on."
            ) from error
        raise DataError(
            f"{printable(path)} must be a Parquet file, but it cannot be read ({on_one_line(error)}); mend it."
        ) from error


def _footer(url: str, path: str) -> tuple[Any, int]:
    with opened(url, path) as file:
        rows, size = file.metadata.num_rows, int(file_system(url)[0].size(path) or 0)
        if not 0 <= rows <= max(ALWAYS_CELLS, size):
            raise DataError(
                f"{printable(path)} must have at most one row for each of its {size:,} bytes, but says it has "
                f"{rows:,}; mend it."
            )
        return file.schema_arrow, rows


def _columns(schema: Any, column: str | None, path: str) -> Columns | None:
    """Return the columns to read, or None where nothing looks like examples."""
    name = next((one for one in NAMES if one in schema.names and one != column), None)
    if column is not None:
        if column not in schema.names:
            raise DataError(
                f"--column must be one of {', '.join(map(printable, schema.names))}, not {column!r}, in "
                f"{printable(path)}."
            )
        if not (_holds_bytes(schema.field(column).type) or _holds_texts(schema.field(column).type)):
            raise DataError(
                f"--column must name bytes or texts, but {column!r} of {printable(path)} holds "
                f"{schema.field(column).type}; choose another."
            )
        return Columns(column, name or _path_field(schema.field(column)))
    holders = [field.name for field in schema if _holds_bytes(field.type)]
    if len(holders) > 1:
        raise DataError(
            f"{printable(path)} must have one column of bytes, but has {', '.join(map(printable, holders))}; say which "
            "one with --column."
        )
    return Columns(holders[0], name or _path_field(schema.field(holders[0]))) if holders else None


def _path_field(column: Any) -> str | None:
    """Return the field of a column of structures that holds the file's name."""
    from pyarrow import types

    named = types.is_struct(column.type) and column.type.get_field_index("path") >= 0
    return f"{column.name}.path" if named else None


def _holds_bytes(kind: Any) -> bool:
    """Return whether a column holds bytes, or structures with a field of bytes, as data sets of hubs do."""
    from pyarrow import types

    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_bytes(kind.field(place).type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def _holds_texts(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
