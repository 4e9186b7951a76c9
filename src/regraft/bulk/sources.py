"""What a job reads: a URL, Parquet files with bytes or texts, or whatever `regraft embed` takes."""

from __future__ import annotations

import os
from pathlib import Path

from regraft.bulk.listed import Listed, list_url, remote_files
from regraft.bulk.parquet import parquet_rows
from regraft.bulk.shards import Lost, Source
from regraft.data.filenames import printable
from regraft.data.modality import of_examples
from regraft.data.sources import list_examples, read_source
from regraft.errors import DataError, UsageError

PARQUET = (".parquet", ".pq")


def find_source(
    data: str | Path, column: str | None = None, *, modality: str | None = None, labelled: bool = False
) -> Source:
    """Return the examples that a path or a URL means, in an order that is always the same.

    Parameters
    ----------
    data : path or URL
    column : str, optional
        The column of Parquet files that holds the examples.
    modality : {"image", "text", "audio"}, optional
        What is wanted; default: what there is.
    labelled : bool
        Read labels too, where the source has them.

    Raises
    ------
    DataError
        If there are no examples, or the source cannot be read.
    UsageError
        If a column is named of what has none.
    """
    place = os.fspath(data)
    if "://" in place or "::" in place:
        _, found, root = list_url(place)
        tables = [path for path in found if path.lower().endswith(PARQUET)]
        if not tables:
            _refuse(column, place)
            return remote_files(place, found, root)
        rows = parquet_rows(place, tables, column)
        if rows is None:
            raise DataError(
                f"{printable(place)} must have a column of bytes, but has none; if one holds texts, name it with "
                "--column."
            )
        return rows
    files = _parquet_files(Path(place).expanduser())
    if files:
        rows = parquet_rows("file://", files, column)
        if rows is not None:
            return rows
    _refuse(column, place)
    return _listed(place, modality, labelled)


def _parquet_files(path: Path) -> list[str]:
    """Return the Parquet files that a path is, or holds and nothing else."""
    if path.is_file():
        return [str(path.absolute())] if path.name.lower().endswith(PARQUET) else []
    if not path.is_dir():
        return []
    inside = [file for file in sorted(path.iterdir()) if not file.name.startswith((".", "_"))]
    tables = [file for file in inside if file.name.lower().endswith(PARQUET) and file.is_file()]
    return [str(file.absolute()) for file in tables] if len(tables) == len(inside) else []


def _refuse(column: str | None, place: str) -> None:
    if column is not None:
        raise UsageError(f"--column names a column of Parquet files, but {printable(place)} is none; leave it out.")


def _listed(place: str, modality: str | None, labelled: bool) -> Listed:
    if labelled:
        try:
            dataset = read_source(place)
        except DataError:
            pass
        else:
            # What the source names and does not have is a row too, with the reason: the count is the source's.
            lost = dataset.skipped
            return Listed(
                [*dataset.examples, *(Lost(one.reason) for one in lost)],
                [*dataset.names, *(one.name for one in lost)],
                [*(dataset.class_names[i] for i in dataset.y), *(None for _ in lost)],
                dataset.modality,
                dataset._keep,
            )
    examples, names = list_examples(place, modality)
    return Listed(examples, names, None, modality or of_examples(examples))
