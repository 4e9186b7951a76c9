import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regraft.data.columns import read_columns, write_columns
from regraft.errors import DataError

EXPECTED = {"image": ["a.jpg", "b c.jpg"], "label": ["cat", "dog"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "image,label\na.jpg,cat\n\nb c.jpg,dog\n"),
        ("t.csv", "image;label\r\na.jpg;cat\r\nb c.jpg;dog"),
        ("t.csv", 'image, label\na.jpg, cat\n"b c.jpg", dog\n'),
        ("t.csv", "\n\nimage|label\na.jpg|cat\nb c.jpg|dog\n"),
        ("t.TSV", "image\tlabel\na.jpg\tcat\nb c.jpg\tdog\n"),
        ("t.csv", "\ufeffimage\tlabel\na.jpg\tcat\nb c.jpg\tdog\n"),
    ],
)
def test_separators(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    assert read_columns(path) == (EXPECTED, [])


def test_utf16_as_spreadsheets_write_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image\tlabel\ná.jpg\tcat\n", encoding="utf-16")
    assert read_columns(path)[0] == {"image": ["á.jpg"], "label": ["cat"]}


def test_a_table_without_header_and_with_spaces(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("images/1.png  1.0     mono\nimages/2.png  0.3     poly\n")
    columns, notes = read_columns(path, is_image=(".png",))
    assert columns["column_1"] == ["images/1.png", "images/2.png"]
    assert columns["column_3"] == ["mono", "poly"]
    assert notes == ["t.csv has no header: its columns are called column_1, column_2, column_3"]


def test_an_unnamed_column_gets_a_name(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",image\n0,a.jpg\n")
    assert list(read_columns(path)[0]) == ["column_1", "image"]


def test_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    table = {"image": ["a", None], "label": [1.0, 2.0], "n": [7, 8], "box": [[1], [2]]}
    pq.write_table(pa.table(table), path)
    assert read_columns(path) == ({"image": ["a", ""], "label": ["1", "2"], "n": ["7", "8"]}, [])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "is empty: it needs a line for each example"),
        ("t.csv", b"image,label\n", "has no rows"),
        ("t.csv", b"image,label\na,b\na,b,c\n", r"line 3 of .* has 3 values for 2 columns"),
        ("t.csv", b"image,image\na,b\n", "two columns of .* are called 'image'"),
        ("t.csv", b"\xff\xfea\x00\x00\xd8,\x00b\x00", "cannot be read as text"),
        ("t.parquet", b"PAR1 not really", "is not a Parquet file that can be read"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_columns(path)


def test_parquet_with_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": ["aXb.jpg"], "n": [1]}), path, use_dictionary=False, compression="none")
    path.write_bytes(path.read_bytes().replace(b"aXb", b"a\xe9b"))
    with pytest.raises(DataError, match=r"is not a Parquet file that can be read: .*utf-8"):
        read_columns(path)


def test_a_table_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match="cannot be opened: No such file"):
        read_columns(tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_written_columns_are_read_back(tmp_path, name):
    columns = {"image": ['a,\t"b".jpg', "ü.jpg"], "label": ["1", "x"]}
    write_columns(columns, tmp_path / name)
    assert read_columns(tmp_path / name) == (columns, [])
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_file_names_that_are_not_utf8_pass_through_csv_and_not_parquet(tmp_path):
    columns = {"image": [os.fsdecode(b"caf\xe9.jpg")]}
    write_columns(columns, tmp_path / "t.csv")
    assert read_columns(tmp_path / "t.csv")[0] == columns
    with pytest.raises(DataError, match=r"Parquet holds only UTF-8 text.*write a \.csv instead"):
        write_columns(columns, tmp_path / "t.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_writing_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("precious")
    with pytest.raises(DataError, match=r"t\.csv exists and is not overwritten: choose another name"):
        write_columns(EXPECTED, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "precious"
    with pytest.raises(DataError, match=r"must end in \.csv, \.tsv, \.parquet, and .*t\.xlsx does not"):
        write_columns(EXPECTED, tmp_path / "t.xlsx")
    with pytest.raises(DataError, match="no/where does not exist: create it first"):
        write_columns(EXPECTED, tmp_path / "no" / "where" / "t.csv")
    with pytest.raises(DataError, match="cannot be written: File name too long"):
        write_columns(EXPECTED, tmp_path / ("t" * 250 + ".csv"))


def test_a_hundred_thousand_columns_are_looked_through_at_once(tmp_path):
    names = [f"c{i}" for i in range(100_000)]
    (tmp_path / "t.csv").write_text(",".join(names) + "\n" + ",".join("v" * 100_000))
    assert len(read_columns(tmp_path / "t.csv")[0]) == 100_000
    (tmp_path / "t.csv").write_text(",".join([*names, "c7"]) + "\n" + ",".join("v" * 100_001))
    with pytest.raises(DataError, match=r"two columns of .* are called 'c7': rename one"):
        read_columns(tmp_path / "t.csv")


def test_a_field_of_its_own_in_each_line_is_refused(tmp_path):
    (tmp_path / "t.jsonl").write_text("".join(f'{{"key{i}":1}}\n' for i in range(1100)))
    with pytest.raises(
        DataError, match="must have at most 1,000,000 values, the limit for its size, and has 1,210,000"
    ):
        read_columns(tmp_path / "t.jsonl")


def test_millions_of_empty_rows_are_refused_unread(tmp_path):
    pq.write_table(pa.table({"text": pa.nulls(2_000_000, pa.string())}), tmp_path / "t.parquet", compression="zstd")
    with pytest.raises(DataError, match="values, the limit for its size, and has 2,000,000: leave out the columns"):
        read_columns(tmp_path / "t.parquet")


def test_a_table_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    pq.write_table(pa.table({"text": ["z" * 3_000_000, "b"]}), tmp_path / "t.parquet", compression="zstd")
    assert len(read_columns(tmp_path / "t.parquet")[0]["text"][0]) == 3_000_000
    monkeypatch.setattr("regraft.data.columns.ALWAYS_BYTES", 2**20)
    with pytest.raises(DataError, match="must be of at most 1 MB, and is of 3 MB: split it"):
        read_columns(tmp_path / "t.parquet")


def test_a_table_of_gigabytes_is_refused_unread(tmp_path):
    with (tmp_path / "t.csv").open("wb") as file:
        file.truncate(2**30 + 1)  # a hole, which takes no room on the disk
    with pytest.raises(DataError, match="must be of at most 1,024 MB, and is of 1,024 MB: split it"):
        read_columns(tmp_path / "t.csv")


def test_what_a_library_says_is_put_on_one_line(tmp_path):
    pq.write_table(pa.table({"a": ["b"]}), tmp_path / "t.parquet")
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[-60:-20] = b"\xff" * 40
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match="is not a Parquet file that can be read: ") as raised:
        read_columns(tmp_path / "t.parquet")
    assert str(raised.value).isprintable()
