"""Every kind of file is recognised and read whole; what is wrong with one is said in a sentence."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.mapped import map_arrays
from regraft.backbones.vector_files import convert, recognise
from regraft.errors import WeightsError

WORDS = ("the", "good", "café", "new_york")
VECTORS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def as_text(header: str | None = "4 3", rows: int = 4, end: str = "") -> bytes:
    lines = [] if header is None else [header]
    lines += [" ".join([word, *map(repr, map(float, row))]) + end for word, row in zip(WORDS, VECTORS, strict=True)]
    return ("\n".join(lines[: rows + (header is not None)]) + "\n").encode()


def as_binary(header: str = "4 3", newline: bytes = b"") -> bytes:
    rows = [word.encode() + b" " + row.tobytes() for word, row in zip(WORDS, VECTORS, strict=True)]
    return header.encode() + b"\n" + newline.join(rows) + newline


def saved(folder: Path, content: bytes, name: str = "vectors.txt") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def read(path: Path) -> dict[str, np.ndarray]:
    convert(recognise(path), path.parent / "kept" / "x.safetensors")
    return dict(map_arrays(path.parent / "kept" / "x.safetensors"))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (as_text(), "text"),
        (as_text(end=" "), "text"),  # as fastText writes .vec
        (as_text(None), "glove"),
        (as_text(None)[:-1], "glove"),
        (as_binary(), "word2vec"),
        (as_binary(newline=b"\n"), "word2vec"),  # as word2vec itself writes it
    ],
    ids=["word2vec", "vec", "glove", "no last newline", "binary", "binary with newlines"],
)
def test_a_file_is_recognised_and_read(tmp_path: Path, content: bytes, kind: str) -> None:
    path = saved(tmp_path, content)
    found = recognise(path)
    assert (found.kind, found.words, found.columns, found.ngrams) == (kind, 4, 3, 0)
    parts = read(path)
    assert parts["words"].tobytes().decode().split("\n") == list(WORDS)
    np.testing.assert_allclose(parts["vectors"], VECTORS, rtol=1e-6)
    assert isinstance(parts["vectors"], np.memmap)


def test_what_is_written_is_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    read(saved(tmp_path, as_binary()))
    np.testing.assert_array_equal(load_file(tmp_path / "kept" / "x.safetensors")["vectors"], VECTORS)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["x.safetensors"]


def test_words_may_have_blanks_as_some_of_gloves_have(tmp_path: Path) -> None:
    path = saved(tmp_path, as_text(None) + b". . . 1 2 3\nat name@domain.com 4 5 6\n")
    parts = read(path)
    assert parts["words"].tobytes().split(b"\n")[4:] == [b". . .", b"at name@domain.com"]
    np.testing.assert_array_equal(parts["vectors"][4:], [[1, 2, 3], [4, 5, 6]])


def test_many_dimensions_in_binary_are_not_taken_for_text(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).normal(size=(2, 300)).astype(np.float32)
    rows = b"".join(word + b" " + row.tobytes() for word, row in zip((b"a", b"b"), vectors, strict=True))
    path = saved(tmp_path, b"2 300\n" + rows)
    np.testing.assert_array_equal(read(path)["vectors"], vectors)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (as_text("5 3"), r"has 4 words, not the 5 that its first line claims"),
        (as_text("3 3"), r"has more words than the 3 that its first line claims"),
        (as_text("4 2"), r"has 3 numbers where there must be 2 \(line 2\)"),
        (as_text("4 4"), r"has 3 numbers where there must be 4 \(line 2\)"),
        (as_text() + b"one 1 2\n", r"has more words than the 4"),
        (as_text(None) + b"short 1 2\n", r"has 2 numbers where there must be 3 \(line 5\)"),
        (as_text(None) + b"long 1 2 3 4\n", r"has 4 numbers where there must be 3 \(line 5\)"),
        (as_text(None) + b"odd 1 x 3\n", r"has 2 numbers where there must be 3 \(line 5\)"),
        (as_text(None) + b"\nlast 1 2 3\n", r"has empty lines: 1 of 6"),
        (as_text("5 3") + b"bad nan 1 2\n", r"a vector with NaN or infinity, that of 'bad'"),
        (as_text("5 3") + b"bad 1e99 1 2\n", r"a vector with NaN or infinity, that of 'bad'"),
        (as_text("0 3"), r"claims 0 words of 3 numbers"),
        (as_text("4 0"), r"claims 4 words of 0 numbers"),
        (as_text("900000000 300"), r"claims 900,000,000 words of 300 numbers, which \d+ bytes cannot hold"),
        (as_binary("999999999999 3"), r"claims 999,999,999,999 words of 3 numbers, which \d+ bytes cannot hold"),
        (as_binary()[:-3], r"ends after 3 words, not the 4 that its first line claims"),
        (as_binary("3 3"), r"has more than the 3 words that its first line claims"),
        (
            as_binary().replace(VECTORS[1].tobytes(), struct.pack("<3f", 1, np.nan, 2)),
            r"NaN or infinity, that of 'good'",
        ),
        (struct.pack("<2i", 793712314, 12), r"ends within its header"),
        (struct.pack("<2i", 793712314, 11) + bytes(200), r"a fastText model of version 11, where 12 is known"),
        (struct.pack("<2i12id3i2q", 793712314, 12, 300, *[5] * 11, 0.1, 9, 9, 0, 9, 0), r"which \d+ bytes cannot hold"),
        (struct.pack("<2i12id3i2q", 793712314, 12, 2, *[5] * 11, 0.1, 9, 9, 0, 9, 0) + bytes(200), "ends early"),
        (b"image,label\na.png,cat\n", r"does not begin like one; check that it is the right file"),
        (b"once upon a time\n", r"does not begin like one"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), r"does not begin like one"),
        (b"", r"does not begin like one"),
        (gzip.compress(as_text()), r"must not be compressed, but vectors.txt is \(gzip\); unpack it first"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    if content.startswith(struct.pack("<i", 793712314)):
        pytest.importorskip("gensim")
    with pytest.raises(WeightsError, match=words):
        read(saved(tmp_path, content))
    kept = tmp_path / "kept"
    assert not kept.exists() or not list(kept.iterdir())


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.bin"):
        with pytest.raises(WeightsError, match=r"must be in a file, but there is none at"):
            recognise(path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    found = recognise(saved(tmp_path, as_text()))
    with pytest.raises(WeightsError, match=r"cannot be written to .*; make room, or set REGRAFT_CACHE"):
        convert(found, found.path / "below a file" / "x.safetensors")
