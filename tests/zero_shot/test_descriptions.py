"""Files that describe classes."""

from __future__ import annotations

import pytest

from regraft.errors import DataError, UsageError
from regraft.zero_shot.descriptions import read_descriptions


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "# pets\ncat: small, it purrs\n\ndog : barks: loudly\n"),
        ("a", "\ufeffcat:small, it purrs\ndog:barks: loudly"),
        ("a.csv", 'class,description\ncat,"small, it purrs"\ndog,barks: loudly\n'),
        ("a.csv", 'n,Text,Label\n1,"small, it purrs",cat\n2,barks: loudly,dog\n'),
        ("a.tsv", "cat\tsmall, it purrs\ndog\tbarks: loudly\n"),
    ],
)
def test_all_forms_say_the_same(tmp_path, name, content):
    found = read_descriptions(written(tmp_path, name, content))
    assert found == {"cat": "small, it purrs", "dog": "barks: loudly"}


def test_a_class_may_have_no_text(tmp_path):
    assert read_descriptions(written(tmp_path, "a.txt", "cat:\ndog: barks")) == {"cat": "", "dog": "barks"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "", "a.txt must describe at least one class, but is empty; write lines"),
        ("a.txt", "# nothing\n", "is empty"),
        ("a.txt", "cat: purrs\ndog barks\n", "Line 2 of a.txt must be a class and its text, as in"),
        ("a.txt", ": purrs\n", "Every description must have its class, but a.txt has 'purrs' without one"),
        ("a.txt", b"\xff\xfe\x00", "readable text file, but .* is not .it is no UTF-8 text"),
        ("a.csv", "a,b,c\n1,2,3\n", "Which columns of a.csv are classes and texts is not obvious: it has a, b, c"),
        ("a.csv", "", "a.csv is empty"),
    ],
)
def test_what_is_refused(tmp_path, name, content, words):
    with pytest.raises(DataError, match=words):
        read_descriptions(written(tmp_path, name, content))


def test_a_class_twice(tmp_path):
    with pytest.raises(UsageError, match=r"a.txt must name each class once, but 'cat' and 'Cat' are one"):
        read_descriptions(written(tmp_path, "a.txt", "cat: purrs\nCat: meows\n"))


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"--descriptions must be a file .* but .* is not there"):
        read_descriptions(tmp_path / "a.txt")
    with pytest.raises(DataError, match="is a folder"):
        read_descriptions(tmp_path)
