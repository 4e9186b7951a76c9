"""What a path or a URL stands for."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regraft.bulk.listed import Listed, Remote
from regraft.bulk.parquet import ParquetRows
from regraft.bulk.shards import Lost
from regraft.bulk.sources import find_source
from regraft.errors import DataError, UsageError


def test_a_folder_of_images_is_listed_with_its_labels(colours: Path) -> None:
    found = find_source(colours, labelled=True)
    assert isinstance(found, Listed)
    assert (found.rows, found.modality, found.labels) == (18, "image", ["blue"] * 6 + ["green"] * 6 + ["red"] * 6)
    assert find_source(colours).labels is None  # type: ignore[attr-defined]


def test_images_without_labels_are_listed_all_the_same(colours: Path) -> None:
    found = find_source(colours / "red", labelled=True)
    assert isinstance(found, Listed)
    assert (found.rows, found.labels) == (6, None)


def test_what_a_table_names_and_is_not_there_is_a_row_too(colours: Path, tmp_path: Path) -> None:
    files = sorted(colours.rglob("*.jpg"))
    lines = [f"{file},{file.parent.name}" for file in files] + ["gone.jpg,red"]
    (tmp_path / "t.csv").write_text("\n".join(["image,label", *lines]) + "\n")
    found = find_source(tmp_path / "t.csv", labelled=True)
    assert isinstance(found, Listed)
    assert found.rows == 19
    assert (found.examples[18], found.names[18]) == (Lost("file not found"), "gone.jpg")
    assert found.labels is not None and found.labels[18] is None


@pytest.mark.parametrize("one", [True, False])
def test_parquet_with_bytes_is_read_row_by_row(one: bool, tables: Path) -> None:
    found = find_source(tables / "1.parquet" if one else tables)
    assert isinstance(found, ParquetRows)
    assert (found.rows, found.modality) == (11 if one else 18, "image")


def test_parquet_of_file_names_is_a_table_as_ever(colours: Path, tmp_path: Path) -> None:
    files = [str(file) for file in sorted(colours.rglob("*.jpg"))]
    pq.write_table(
        pa.table({"image": files, "label": [Path(file).parent.name for file in files]}), tmp_path / "t.parquet"
    )
    found = find_source(tmp_path / "t.parquet", labelled=True)
    assert isinstance(found, Listed)
    assert found.rows == 18


def test_urls_are_of_files_or_of_parquet(colours: Path, tables: Path) -> None:
    files, table = find_source(f"file://{colours}"), find_source(f"file://{tables}")
    assert isinstance(files, Remote) and isinstance(table, ParquetRows)
    assert (files.rows, table.rows) == (18, 18)
    assert files.names[0] == "blue/blue-0-0.jpg"


def test_files_in_a_zip_have_a_url_too(colours: Path, tmp_path: Path) -> None:
    import shutil

    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", colours)
    found = find_source(f"zip://*/*.jpg::file://{packed}")
    assert isinstance(found, Remote) and found.rows == 18
    assert next(iter(found.shard(0, 1).read().examples)) == (colours / found.names[0]).read_bytes()


def test_a_column_is_of_parquet(colours: Path) -> None:
    with pytest.raises(UsageError, match=r"--column names a column of Parquet files, but .* is none; leave it out"):
        find_source(colours, "image")


def test_parquet_of_a_store_needs_bytes_or_a_named_column() -> None:
    system = fsspec.filesystem("memory")
    with system.open("/bulk-texts/t.parquet", "wb") as file:
        pq.write_table(pa.table({"review": ["good"]}), file)
    with pytest.raises(DataError, match="must have a column of bytes, but has none; if one holds texts, name it"):
        find_source("memory://bulk-texts")
    assert find_source("memory://bulk-texts", "review").modality == "text"
    system.rm("/bulk-texts", recursive=True)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        find_source(tmp_path / "nowhere", labelled=True)
