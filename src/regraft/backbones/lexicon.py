"""Words as people mean them, found in the vocabulary of word vectors however those spell them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

_CONTRACTION = re.compile(r"(.+)(n't|'s|'re|'ve|'ll|'d|'m)", re.IGNORECASE)
_NUMBER = re.compile(r"\d{2}")
_DIGIT = re.compile(r"\d")
_STRAIGHT = str.maketrans("\u2018\u2019\u02bc", "'''")

REMEMBERED = 200_000
"""Spellings whose place in the vocabulary is remembered."""


@dataclass(frozen=True)
class Found:
    """What a vocabulary has of a stretch of text without white space, or of a whole text.

    Parameters
    ----------
    rows : tuple of int
        Places of the words and marks that it knows.
    unknown : tuple of str
        Words that it does not know.
    words : int
        How many words there are, known or not; punctuation marks and symbols are none.
    """

    rows: tuple[int, ...]
    unknown: tuple[str, ...]
    words: int


class Lexicon:
    """Finds words in a vocabulary.

    A word is looked for as it is written; then in lower case, capitalised, and with "#" for digits, as some have
    them; then as a contraction's two parts ("do" and "n't"), and as its parts between marks ("slow", "moving").

    Parameters
    ----------
    index : mapping of str to int
        The place of each word.
    """

    def __init__(self, index: Mapping[str, int]) -> None:
        self._index = index
        self._remembered: dict[str, Found] = {}

    def look_up(self, text: str) -> Found:
        """Return what the vocabulary has of a text."""
        rows: list[int] = []
        unknown: list[str] = []
        words = 0
        for stretch in unicodedata.normalize("NFC", text).translate(_STRAIGHT).split():
            found = self._remembered.get(stretch)
            if found is None:
                found = self._look_up(stretch)
                if len(self._remembered) < REMEMBERED and len(stretch) <= 64:
                    self._remembered[stretch] = found
            rows += found.rows
            unknown += found.unknown
            words += found.words
        return Found(tuple(rows), tuple(unknown), words)

    def _look_up(self, stretch: str) -> Found:
        row = self._row(stretch)  # such as "U.S." and "C++", marks and all
        if row is not None:
            return Found((row,), (), int(any(not _is_mark(letter) for letter in stretch)))
        before, word, after = _bared(stretch)
        known, unknown = self._word(word) if word else ([], [])
        rows = [*self._marks(before), *known, *self._marks(after)]
        return Found(tuple(rows), tuple(unknown), len(known) + len(unknown))

    def _word(self, word: str) -> tuple[list[int], list[str]]:
        """Return the places of a word, or of its parts, and those that have none."""
        row = self._row(word)
        if row is not None:
            return [row], []
        contraction = _CONTRACTION.fullmatch(word)
        parts = list(contraction.groups()) if contraction else []
        rows = [self._row(part) for part in parts]
        if not rows or None in rows:
            parts = ["".join(part) for mark, part in groupby(word, _is_mark) if not mark]
            rows = [self._row(part) for part in parts]
        known = [row for row in rows if row is not None]
        if not known:
            return [], [word]
        return known, [part for part, row in zip(parts, rows, strict=True) if row is None]

    def _row(self, word: str) -> int | None:
        for form in _forms(word):
            row = self._index.get(form)
            if row is not None:
                return row
        return None

    def _marks(self, marks: str) -> list[int]:
        """Return the places of a run of marks, or of each of them; those without are left out."""
        if marks in self._index:
            return [self._index[marks]]
        return [self._index[mark] for mark in marks if mark in self._index]


def _forms(word: str) -> Iterator[str]:
    yield word
    yield word.lower()
    yield word.capitalize()
    if _NUMBER.search(word):
        yield _DIGIT.sub("#", word)


def _is_mark(letter: str) -> bool:
    """Return whether a letter is punctuation or a symbol; accents and vowel signs belong to their letters."""
    return unicodedata.category(letter)[0] in "PSC"


def _bared(stretch: str) -> tuple[str, str, str]:
    """Return the marks before a word, the word, and the marks behind it."""
    start, stop = 0, len(stretch)
    while start < stop and _is_mark(stretch[start]):
        start += 1
    while stop > start and _is_mark(stretch[stop - 1]):
        stop -= 1
    return stretch[:start], stretch[start:stop], stretch[stop:]
