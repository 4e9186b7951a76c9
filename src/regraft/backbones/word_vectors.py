"""Word vectors as a backbone of texts: a text is the average of its words, the frequent ones weighed down."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.backbones.lexicon import Found, Lexicon
from regraft.backbones.mapped import Arrays, map_arrays
from regraft.backbones.registry import Backbone
from regraft.backbones.vector_files import convert, recognise
from regraft.backbones.weights import FileWeights, Weights
from regraft.errors import UsageError, WeightsError

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "word-vectors"

FREQUENT = 10_000
"""Words by which the common direction is found: by Zipf's law most of any text."""

LONGEST = 60
"""Letters of an unknown word that its parts are taken from."""


@dataclass(frozen=True)
class WordAverage:
    """How words become the vector of a text.

    Parameters
    ----------
    smoothing : float
        A word as frequent as this share of all words counts half.
    common : bool
        Whether the direction that all texts share is taken out.
    """

    smoothing: float = 1e-3
    common: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """Hex digest of everything that changes the vectors."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class WordVectorBackbone(Backbone):
    """Word vectors of word2vec, GloVe or fastText; parameters as of `Backbone`.

    There is no network: `vectors` takes the place of `build`. The file is turned once into one that is mapped, so that
    only the words at hand are read.

    Parameters
    ----------
    folder : Path or None
        Where that file is kept; None: for as long as the process lives.
    """

    preprocessing: WordAverage  # type: ignore[assignment]
    modality: str = "text"
    folder: Path | None = None

    def build(self) -> torch.nn.Module:
        """Raise UsageError: there is nothing to fine-tune.

        Raises
        ------
        UsageError
        """
        raise UsageError(
            f"Fine-tuning needs a network, but {self.name} are word vectors; use --strategy probe, or name an encoder "
            "with --backbone."
        )

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the vector of each text (n, d); zeros where it has no known word.

        Each word counts a / (a + p) with p its share of all words: as the file counts it, or by Zipf's law from its
        rank. Then the direction that all texts have in common is taken out. It is the mean of such weighed words over
        the language, not over the texts at hand, so that a text has the same vector in any company.

        Parameters
        ----------
        texts : sequence of str, length n

        Raises
        ------
        WeightsError
            If the file is missing, damaged, or not what it says.

        References
        ----------
        Arora, Liang & Ma, A Simple but Tough-to-Beat Baseline for Sentence Embeddings, 2017; Bojanowski et al.,
        Enriching Word Vectors with Subword Information, 2017.
        """
        known = self._open()
        return np.array([known.vector(text) for text in texts], np.float32).reshape(len(texts), self.feature_dim)

    def out_of_vocabulary(self, texts: Sequence[str]) -> float:
        """Return the share of the texts' words that have no vector of their own, 0 to 1; 0 where there are no words."""
        unknown, words = self._unknown(texts)
        return unknown.total() / max(words, 1)

    def note(self, texts: Sequence[str]) -> str:
        """Return a sentence on how many of the texts' words have a vector."""
        unknown, words = self._unknown(texts)
        known = self._open()
        if not words:
            return "There are no words in the texts."
        if not unknown:
            return f"All {words:,} words of the texts are among the {known.size:,} of {self.name}."
        listed = ", ".join(word[:30] for word, _ in unknown.most_common(3))
        instead = "made from their parts" if known.has_subwords else "left out"
        return (
            f"{unknown.total() / words:.1%} of the texts' {words:,} words are not among the {known.size:,} of "
            f"{self.name} and are {instead}, such as {listed}."
        )

    def held(self) -> bytes:
        """Return all that `from_held` needs to read, as a safetensors file."""
        return self._file().read_bytes()

    def _unknown(self, texts: Sequence[str]) -> tuple[Counter[str], int]:
        found = [self._open().look_up(text) for text in texts]
        return Counter(word for one in found for word in one.unknown), sum(one.words for one in found)

    def _file(self) -> Path:
        """Return the mapped form of the file, made now if need be."""
        path = self.weights.fetch()
        if path is None or not isinstance(self.weights, FileWeights):
            assert path is not None, "word vectors are never random"
            return path
        folder = self.folder or Path(_temporary().name)
        target = folder / f"{hashlib.sha256(f'words 1 {self.weights.sha256()}'.encode()).hexdigest()[:32]}.safetensors"
        if not target.is_file():
            convert(recognise(path), target)
        return target

    def _open(self) -> _Vectors:
        path = self._file()
        stat = path.stat()
        return _opened(path, stat.st_size, stat.st_mtime_ns, self.feature_dim, self.preprocessing)


def find_vectors(path: str | Path, folder: Path | None = None) -> WordVectorBackbone:
    """Return the backbone of a file of word vectors; only its first bytes are read.

    Parameters
    ----------
    path : path
        Of word2vec (.bin, .txt), GloVe (.txt) or fastText (.vec, .bin).
    folder : Path, optional
        Where its mapped form is kept.

    Raises
    ------
    WeightsError
        If it is missing or no such file.
    """
    path = Path(path)
    found = recognise(path)
    return WordVectorBackbone(
        name=path.name,
        architecture=ARCHITECTURE,
        feature_dim=found.columns,
        preprocessing=WordAverage(),
        weights=FileWeights(path.absolute()),
        parameters=round((found.words + found.ngrams) * found.columns / 1e6, 2),
        folder=folder,
    )


def from_held(weights: Weights, record: Mapping[str, Any]) -> WordVectorBackbone:
    """Return the backbone whose `held` was kept.

    Parameters
    ----------
    weights : Weights
        Whose file is what `held` returned.
    record : mapping
        What was kept of the backbone: name, feature_dim, parameters, preprocessing.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the record is malformed.
    """
    average = WordAverage(**record["preprocessing"])
    if not (isinstance(average.smoothing, float) and average.smoothing > 0 and isinstance(average.common, bool)):
        raise ValueError(f"preprocessing {record['preprocessing']}")
    return WordVectorBackbone(
        name=str(record["name"]),
        architecture=ARCHITECTURE,
        feature_dim=int(record["feature_dim"]),
        preprocessing=average,
        weights=weights,
        parameters=float(record["parameters"]),
    )


class _Vectors:
    """An open file of word vectors."""

    def __init__(self, parts: Arrays, average: WordAverage) -> None:
        self._vectors = parts["vectors"]
        self._ngrams = parts.get("ngrams")
        self._lengths = parts.get("lengths")
        index: dict[str, int] = {}
        for row, word in enumerate(parts["words"].tobytes().split(b"\n")):
            index.setdefault(word.decode("utf-8", "replace"), row)  # of words that are there twice, the first
        self._lexicon = Lexicon(index)
        share = _shares(len(self._vectors), parts.get("counts"))
        self._weights = (average.smoothing / (average.smoothing + share)).astype(np.float32)
        self._rarest = self._weights.max()
        frequent = np.asarray(self._vectors[:FREQUENT], np.float64)
        direction = (share * self._weights)[:FREQUENT] @ frequent
        length = np.linalg.norm(direction) if average.common else 0.0
        self._common = (direction / length if length else np.zeros_like(direction)).astype(np.float32)

    @property
    def size(self) -> int:
        """Words that have a vector."""
        return len(self._vectors)

    @property
    def has_subwords(self) -> bool:
        """Whether unknown words are made from their parts."""
        return self._ngrams is not None

    def look_up(self, text: str) -> Found:
        return self._lexicon.look_up(text)

    def vector(self, text: str) -> npt.NDArray[np.float32]:
        """Return the vector of a text (d,)."""
        found = self.look_up(text)
        rows, times = np.unique(np.array(found.rows, np.intp), return_counts=True)
        total = (times * self._weights[rows]).astype(np.float32) @ self._vectors[rows]
        count = len(found.rows)
        for word, often in Counter(found.unknown).items() if self.has_subwords else ():
            total += often * self._rarest * self._from_parts(word)
            count += often
        average = total / np.float32(max(count, 1))
        return average - self._common * (self._common @ average)

    def _from_parts(self, word: str) -> npt.NDArray[np.float32]:
        """Return the mean vector of the parts of a word."""
        hashed = import_or_raise("gensim.models.fasttext", "text").ft_ngram_hashes
        assert self._ngrams is not None and self._lengths is not None
        parts = hashed(word[:LONGEST], int(self._lengths[0]), int(self._lengths[1]), len(self._ngrams))
        if not parts:
            return np.zeros(self._vectors.shape[1], np.float32)
        return np.asarray(self._ngrams[parts].mean(axis=0))


def _shares(n: int, counts: npt.NDArray[np.int64] | None) -> npt.NDArray[np.float64]:
    """Return each word's share of all words (n,)."""
    # Zipf: the files list the most frequent words first.
    often = 1 / np.arange(1.0, n + 1) if counts is None else np.maximum(counts, 1).astype(np.float64)
    return often / often.sum()


@lru_cache(maxsize=2)
def _opened(path: Path, size: int, modified: int, columns: int, average: WordAverage) -> _Vectors:
    parts = map_arrays(path)
    vectors, words = parts.get("vectors"), parts.get("words")
    sound = (
        vectors is not None
        and words is not None
        and vectors.dtype == np.float32
        and vectors.ndim == 2
        and vectors.shape[1] == columns
        and words.dtype == np.uint8
        and np.count_nonzero(words == ord("\n")) + 1 == len(vectors)
        and parts.get("counts", vectors[:, 0]).shape == (len(vectors),)
        and _sound_parts(parts.get("ngrams"), parts.get("lengths"), columns)
    )
    if not sound:
        raise WeightsError(f"Word vectors must be whole, but {path.name} has others; copy or save it anew.")
    return _Vectors(parts, average)


def _sound_parts(ngrams: npt.NDArray[Any] | None, lengths: npt.NDArray[Any] | None, columns: int) -> bool:
    if ngrams is None or lengths is None:
        return ngrams is None and lengths is None
    return (
        ngrams.ndim == 2
        and ngrams.dtype == np.float32
        and ngrams.shape[1] == columns
        and len(ngrams) > 0
        and lengths.shape == (2,)
        and lengths.dtype == np.int64
        and 0 < lengths[0] <= lengths[1]
    )


@lru_cache(maxsize=1)
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="regraft-words-")
