"""Tables whose column holds the texts themselves, or names recordings; and folders of texts."""

import json

import pytest

from regraft.data.sources import list_examples, read_source
from regraft.data.tables import write_table
from regraft.errors import DataError

ROWS = [("a good film, well acted", "yes"), ("dull and far too long", "no"), ("שלום עולם, סרט טוב 🎬", "yes")]


def csv(path, rows=ROWS, header="text,label"):
    path.write_text("\n".join([header, *(f'"{text}",{label}' for text, label in rows)]), encoding="utf-8")
    return path


def test_texts_stand_in_the_table_itself(tmp_path):
    found = read_source(csv(tmp_path / "t.csv"))
    assert found.modality == "text" and found.class_names == ("no", "yes")
    assert list(found.examples) == [text for text, _ in ROWS]
    assert found.names == ("row 1", "row 2", "row 3")
    assert "texts are in column 'text', labels in 'label'" in found.notes


@pytest.mark.parametrize("header", ["review,label", "what they said,label"])
def test_the_column_is_found_by_its_name_or_its_prose(tmp_path, header):
    assert read_source(csv(tmp_path / "t.csv", header=header)).modality == "text"


def test_two_columns_of_prose_are_not_guessed_between(tmp_path):
    (tmp_path / "t.csv").write_text("one,two,label\na b c,d e f,x\na b d,d e g,y\n")
    with pytest.raises(DataError, match=r"holds the texts is not obvious: it has .*; name it with --column"):
        read_source(tmp_path / "t.csv")
    assert list(read_source(tmp_path / "t.csv", column="two").examples) == ["d e f", "d e g"]


def test_a_column_of_ids_beside_the_text_is_no_column_of_files(tmp_path):
    (tmp_path / "t.csv").write_text("id,text,label\n1,fine,x\n2,poor,y\n")
    assert list(read_source(tmp_path / "t.csv").examples) == ["fine", "poor"]


def test_empty_texts_and_other_encodings_are_skipped_with_the_reason(tmp_path):
    (tmp_path / "t.csv").write_bytes("text,label\nein schöner Film,x\n ,x\nwell made,y\nnice,x\n".encode("latin-1"))
    found = read_source(tmp_path / "t.csv")
    assert [(s.name, s.reason) for s in found.skipped] == [
        ("row 1", "not UTF-8 text; save the table as UTF-8"),
        ("row 2", "empty text"),
    ]


def test_a_long_text_is_no_error_of_the_reader(tmp_path):
    rows = [("word " * 200_000, "yes"), ("short one here", "no")]
    assert len(read_source(csv(tmp_path / "t.csv", rows)).examples[0]) == 1_000_000


def test_json_lines(tmp_path):
    lines = [{"text": text, "label": label, "more": {"nested": 1}} for text, label in ROWS]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = read_source(tmp_path / "t.jsonl")
    assert list(found.examples) == [text for text, _ in ROWS] and found.modality == "text"
    (tmp_path / "t.jsonl").write_text('{"text": "a b c", "label": "x"}\n[1]\n')
    with pytest.raises(DataError, match=r"line 2 of .*t.jsonl must be a JSON object such as"):
        read_source(tmp_path / "t.jsonl")
    (tmp_path / "t.jsonl").write_bytes(b'{"text": "\xff", "label": "x"}\n')
    with pytest.raises(DataError, match=r"must be UTF-8, as JSON is"):
        read_source(tmp_path / "t.jsonl")


def test_a_table_names_recordings(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    (tmp_path / "t.csv").write_text("file,label\na.wav,x\nb.wav,y\n")
    found = read_source(tmp_path / "t.csv")
    assert found.modality == "audio" and [e.name for e in found.examples] == ["a.wav", "b.wav"]


def test_folders_of_texts(tmp_path):
    for name in ("good/1.txt", "good/2.txt", "bad/1.txt"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).write_text("so so")
    found = read_source(tmp_path / "d")
    assert (found.modality, found.class_names, len(found)) == ("text", ("bad", "good"), 3)
    assert len(list_examples(tmp_path / "d")[0]) == 3


def test_lists_of_texts_and_of_files_are_told_apart(tmp_path):
    found = read_source(["quite good", "poor"], labels=["x", "y"])
    assert found.modality == "text" and found.names == ("text 0", "text 1")
    assert list_examples("one text", "text")[0] == ["one text"]
    assert list_examples(["good", "bad"], "text")[0] == ["good", "bad"]
    with pytest.raises(DataError, match=r"nothing-here.jpg does not exist"):
        list_examples("nothing-here.jpg", "image")


def test_a_dataset_of_texts_is_written_as_a_table(tmp_path):
    write_table(read_source(csv(tmp_path / "t.csv")), tmp_path / "new.csv")
    assert list(read_source(tmp_path / "new.csv").examples) == [text for text, _ in ROWS]
