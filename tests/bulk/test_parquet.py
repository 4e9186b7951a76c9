"""Examples in Parquet files: which rows a shard has, across files and row groups; columns and names."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regraft.bulk.parquet import ParquetRows, parquet_rows
from regraft.errors import DataError, RegraftError

HERE = "file://"


def source(folder: Path, column: str | None = None) -> ParquetRows | None:
    return parquet_rows(HERE, [str(path) for path in sorted(folder.glob("*.parquet"))], column)


def numbered(folder: Path, files: list[int], group: int) -> Path:
    """Write files of so many rows, whose bytes are the row's number."""
    folder.mkdir()
    first = 0
    for number, rows in enumerate(files):
        values = [str(first + i).encode() for i in range(rows)]
        pq.write_table(
            pa.table({"image": pa.array(values, pa.binary())}), folder / f"{number}.parquet", row_group_size=group
        )
        first += rows
    return folder


@pytest.mark.parametrize("size", [1, 3, 7, 64, 100, 500])
@pytest.mark.parametrize("group", [1, 5, 90, 1000])
def test_shards_are_a_partition_of_the_rows(size: int, group: int, tmp_path: Path) -> None:
    rows = source(numbered(tmp_path / "t", [90, 0, 1, 129], group))
    assert rows is not None and rows.rows == 220
    edges = [*range(0, rows.rows, size), rows.rows]
    found = [one for start, stop in pairwise(edges) for one in rows.shard(start, stop).read().examples]
    assert found == [str(i).encode() for i in range(220)]


def test_rows_are_called_by_a_column_or_by_file_and_number(tables: Path, tmp_path: Path) -> None:
    keyed = source(tables)
    assert keyed is not None
    assert keyed.shard(6, 8).read().names == ["green-0-0.jpg", "green-0-1.jpg"]
    plain = source(numbered(tmp_path / "t", [2, 2], 10))
    assert plain is not None
    assert plain.shard(1, 3).read().names == ["0.parquet row 1", "1.parquet row 0"]


def test_structures_of_bytes_and_path_are_read_as_hubs_write_them(tmp_path: Path) -> None:
    values = [{"bytes": b"one", "path": "1.jpg"}, {"bytes": None, "path": None}, None]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"image": pa.array(values, kind), "label": [0, 1, 1]}), tmp_path / "t.parquet")
    rows = source(tmp_path)
    assert rows is not None
    found = rows.shard(0, 3).read()
    assert (list(found.examples), found.names) == ([b"one", b"", b""], ["1.jpg", "t.parquet row 1", "t.parquet row 2"])


def test_texts_are_read_where_their_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"review": ["good", "bad"], "stars": [5, 1]}), tmp_path / "t.parquet")
    assert source(tmp_path) is None
    rows = source(tmp_path, "review")
    assert rows is not None
    assert (rows.modality, list(rows.shard(0, 2).read().examples)) == ("text", ["good", "bad"])


def test_recordings_are_told_from_images(tmp_path: Path) -> None:
    pq.write_table(pa.table({"sound": [b"RIFF\0\0\0\0WAVEfmt "]}), tmp_path / "t.parquet")
    rows = source(tmp_path)
    assert rows is not None and rows.modality == "audio"


def test_the_digest_is_of_files_rows_and_column(tables: Path, tmp_path: Path) -> None:
    digests = {
        source(folder).digest()
        for folder in (tables, numbered(tmp_path / "a", [3], 2), numbered(tmp_path / "b", [4], 2))
    }  # type: ignore[union-attr]
    assert len(digests) == 3


def test_what_cannot_be_the_examples_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [b"1"], "b": [b"2"], "n": [1]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"must have one column of bytes, but has a, b; say which one with --column"):
        source(tmp_path)
    assert source(tmp_path, "b") is not None
    with pytest.raises(DataError, match=r"--column must be one of a, b, n, not 'c'"):
        source(tmp_path, "c")
    with pytest.raises(DataError, match=r"--column must name bytes or texts, but 'n' .* holds int64; choose another"):
        source(tmp_path, "n")


def test_files_must_be_alike_and_have_rows(tmp_path: Path) -> None:
    numbered(tmp_path / "t", [0, 0], 1)
    with pytest.raises(DataError, match="must have rows, but its Parquet files are empty"):
        source(tmp_path / "t")
    pq.write_table(pa.table({"picture": [b"1"]}), tmp_path / "t" / "9.parquet")
    with pytest.raises(DataError, match="All Parquet files must have the same columns"):
        source(tmp_path / "t")


def test_a_damaged_or_missing_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more PAR1")
    with pytest.raises(DataError, match="must be a Parquet file, but it cannot be read"):
        source(tmp_path)
    with pytest.raises(RegraftError, match=r"must be readable, but the way to it failed .* to go on"):
        parquet_rows(HERE, [str(tmp_path / "gone.parquet")])


def test_more_rows_than_bytes_are_a_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbered(tmp_path / "t", [40], 10)
    monkeypatch.setattr("regraft.bulk.parquet.ALWAYS_CELLS", 0)
    assert source(tmp_path / "t") is not None
    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.size", lambda self, path: 39)
    with pytest.raises(DataError, match=r"at most one row for each of its 39 bytes, but says it has 40; mend it"):
        source(tmp_path / "t")


def test_a_footer_of_noise_is_a_damaged_file(tables: Path, tmp_path: Path) -> None:
    whole = (tables / "0.parquet").read_bytes()
    for place in range(20, 60, 4):
        noise = whole[:-place] + b"\xff" * 4 + whole[-place + 4 :]
        (tmp_path / "t.parquet").write_bytes(noise)
        with contextlib.suppress(DataError):
            source(tmp_path)


def test_a_worker_gets_no_bytes_but_where_they_are(tables: Path) -> None:
    rows = source(tables)
    assert rows is not None
    shard: Any = rows.shard(5, 9)
    assert [(Path(path).name, first, count) for path, first, count in shard.parts] == [
        ("0.parquet", 5, 2),
        ("1.parquet", 0, 2),
    ]
