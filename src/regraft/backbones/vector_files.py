"""Files of word vectors: recognised by their first bytes, checked to the last, and turned into one that is mapped.

Text and word2vec's binary form are read here a word at a time: two million vectors need not fit into memory, what is
wrong is told by its line, and GloVe's words with blanks in them are read, all of which gensim's reader does not do.
fastText's own models are read by gensim.
"""

from __future__ import annotations

import mmap
import struct
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.backbones.mapped import Arrays, write_arrays
from regraft.errors import WeightsError

HEAD = 2**20
"""Bytes by which a file is recognised."""

MOST_COLUMNS = 16_384

_FASTTEXT = struct.Struct("<2i12id3i2q")
_MAGIC, _VERSION = 793712314, 12
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


@dataclass(frozen=True)
class VectorFile:
    """A recognised file of word vectors.

    Parameters
    ----------
    path : Path
    kind : {"word2vec", "text", "glove", "fasttext"}
        Binary; text with a first line of counts, such as .vec; text without; fastText's own model.
    words, columns : int
        As the file says.
    ngrams : int
        Vectors of parts of words, which only fastText's models have.
    """

    path: Path
    kind: Literal["word2vec", "text", "glove", "fasttext"]
    words: int
    columns: int
    ngrams: int = 0


def recognise(path: Path) -> VectorFile:
    """Return what kind of word vectors a file holds, and how many, by its first bytes.

    Raises
    ------
    WeightsError
        If it is missing, compressed, of another kind, or too short for what its first bytes say.
    """
    if not path.is_file():
        raise WeightsError(f"Word vectors must be in a file, but there is none at {path}; check the path.")
    with path.open("rb") as file:
        head = file.read(HEAD)
    for first, name in _PACKED.items():
        if head.startswith(first):
            raise WeightsError(f"Word vectors must not be compressed, but {path.name} is ({name}); unpack it first.")
    found = _fasttext(path, head) if head.startswith(struct.pack("<i", _MAGIC)) else _plain(path, head)
    _check_size(found)
    return found


def _fasttext(path: Path, head: bytes) -> VectorFile:
    if len(head) < _FASTTEXT.size:
        raise _wrong(path, "ends within its header")
    fields = _FASTTEXT.unpack_from(head)
    if fields[1] != _VERSION:
        raise _wrong(path, f"is a fastText model of version {fields[1]}, where {_VERSION} is known")
    return VectorFile(path, "fasttext", words=fields[16], columns=fields[2], ngrams=fields[10])


def _plain(path: Path, head: bytes) -> VectorFile:
    first, _, rest = head.partition(b"\n")
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() and len(field) < 16 for field in fields):
        words, columns = (int(field) for field in fields)
        second = rest.partition(b"\n")[0].split()
        text = len(second) > 1 and all(_is_number(field) for field in second[-min(columns, len(second) - 1) :])
        return VectorFile(path, "text" if text or not words else "word2vec", words, columns)
    if len(fields) > 2 and all(_is_number(field) for field in fields[1:]):
        return VectorFile(path, "glove", _lines(path), len(fields) - 1)
    raise WeightsError(
        "Word vectors must be a file of word2vec (.bin, .txt), GloVe (.txt) or fastText (.vec, .bin), "
        f"but {path.name} does not begin like one; check that it is the right file."
    )


def _check_size(found: VectorFile) -> None:
    """Refuse what claims to be larger than its file, before memory is asked for."""
    if found.words < 1 or not 1 <= found.columns <= MOST_COLUMNS or found.ngrams < 0:
        raise _wrong(found.path, f"claims {found.words:,} words of {found.columns:,} numbers")
    # The least that a number takes: four bytes, or a digit and a blank.
    least = (found.words + found.ngrams) * found.columns * (2 if found.kind in ("text", "glove") else 4)
    size = found.path.stat().st_size
    if least > size:
        raise _wrong(
            found.path,
            f"claims {found.words:,} words of {found.columns:,} numbers, which {size:,} bytes cannot hold",
        )


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        count, last = 0, b"\n"
        while piece := file.read(2**22):
            count += piece.count(b"\n")
            last = piece[-1:]
    return count + (last != b"\n")


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _wrong(path: Path, what: str) -> WeightsError:
    return WeightsError(f"Word vectors must be whole, but {path.name} {what}; download or save it anew.")


def convert(found: VectorFile, target: Path) -> None:
    """Write word vectors as a safetensors file, whole or not at all.

    It has `vectors` (n, d), `words` (their UTF-8, one a line, as bytes), `counts` (n,) where they are known, and of
    fastText's models `ngrams` (b, d) and `lengths` (2,), the least and most letters of such a part.

    Raises
    ------
    UsageError
        If it is a model of fastText's, and gensim is not installed.
    WeightsError
        If the file is not what its first bytes say, or there is no room.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if found.kind == "fasttext":
            write_arrays(_of_fasttext(found), target)
            return
        with tempfile.TemporaryFile(dir=target.parent) as file:
            shape = (found.words, found.columns)
            vectors = np.memmap(file, np.float32, "w+", shape=shape)
            words = []
            for row, (word, vector) in enumerate(_binary(found) if found.kind == "word2vec" else _text(found)):
                if not np.isfinite(vector).all():
                    raise _wrong(found.path, f"has a vector with NaN or infinity, that of {_shown(word)}")
                words.append(word)
                vectors[row] = vector
            write_arrays({"vectors": vectors, "words": np.frombuffer(b"\n".join(words), np.uint8)}, target)
            del vectors
    except OSError as error:
        raise WeightsError(
            f"Word vectors must be turned into a file that can be mapped, but that cannot be written to "
            f"{target.parent} ({error.strerror}); make room, or set REGRAFT_CACHE to another folder."
        ) from error


def _text(found: VectorFile) -> Iterator[tuple[bytes, npt.NDArray[np.float32]]]:
    """Yield each word of a text file and its vector."""
    header = found.kind == "text"
    rows = 0
    with found.path.open("rb") as file:
        if header:
            file.readline()
        for line in file:
            if not line.strip():
                continue
            if rows == found.words:
                raise _wrong(found.path, f"has more words than the {found.words:,} that its first line claims")
            yield _row(found, line, rows + 1 + header)
            rows += 1
    if rows < found.words and header:
        raise _wrong(found.path, f"has {rows:,} words, not the {found.words:,} that its first line claims")
    if rows < found.words:
        raise _wrong(found.path, f"has empty lines: {found.words - rows:,} of {found.words:,}")


def _row(found: VectorFile, line: bytes, number: int) -> tuple[bytes, npt.NDArray[np.float32]]:
    word, *fields = line.rstrip().rsplit(b" ", found.columns)
    # Words may have blanks, as some of GloVe's have; but one that ends in a number is a vector that is too long.
    last = word.rsplit(b" ", 1)[1:]
    try:
        with np.errstate(over="ignore"):  # infinity is told by whose it is
            vector = np.array([float(field) for field in fields]).astype(np.float32)
        if len(fields) == found.columns and word and not (last and _is_number(last[0])):
            return word, vector
    except ValueError:
        pass
    numbers = sum(map(_is_number, line.split()[1:]))
    raise _wrong(found.path, f"has {numbers:,} numbers where there must be {found.columns:,} (line {number:,})")


def _binary(found: VectorFile) -> Iterator[tuple[bytes, npt.NDArray[np.float32]]]:
    """Yield each word of a binary file of word2vec and its vector."""
    width = 4 * found.columns
    with found.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(b"\n") + 1
        for row in range(found.words):
            blank = content.find(b" ", at)
            if blank < 0 or blank + 1 + width > len(content):
                raise _wrong(
                    found.path, f"ends after {row:,} words, not the {found.words:,} that its first line claims"
                )
            word = content[at:blank].lstrip(b"\n").replace(b"\n", b" ")
            at = blank + 1 + width
            yield word, np.frombuffer(content[blank + 1 : at], np.float32)
        if content[at:].strip():
            raise _wrong(found.path, f"has more than the {found.words:,} words that its first line claims")


def _of_fasttext(found: VectorFile) -> Arrays:
    reader = import_or_raise("gensim.models.fasttext", "text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = reader.load_facebook_vectors(str(found.path))
    except NotImplementedError as error:
        raise WeightsError(
            f"Word vectors of fastText must be an unsupervised model, but {found.path.name} is a classifier or "
            "compressed; take the model that it was made from."
        ) from error
    except Exception as error:  # whatever a damaged file makes of the reader's counts
        raise _wrong(found.path, "ends early or is damaged") from error
    vectors, ngrams = (np.asarray(part, np.float32) for part in (model.vectors, model.vectors_ngrams))
    for row, word in enumerate(model.index_to_key):
        if not np.isfinite(vectors[row]).all():
            raise _wrong(found.path, f"has a vector with NaN or infinity, that of {word!r}")
    if not np.isfinite(ngrams).all():
        raise _wrong(found.path, "has a vector with NaN or infinity")
    parts: dict[str, npt.NDArray[Any]] = {
        "vectors": vectors,
        "words": np.frombuffer("\n".join(model.index_to_key).encode("utf-8", "replace"), np.uint8),
        "counts": np.asarray(model.expandos["count"], np.int64),
    }
    if len(ngrams) and model.max_n >= model.min_n > 0:
        parts |= {"ngrams": ngrams, "lengths": np.array([model.min_n, model.max_n], np.int64)}
    return parts


def _shown(word: bytes) -> str:
    return repr(word.decode("utf-8", "replace"))
