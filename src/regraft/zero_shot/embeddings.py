"""Texts as vectors, each embedded once on a machine; and whether the encoder knows their words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from regraft.backbones.text import LONGEST, WIDTH, embed_texts, pieces, producer
from regraft.features.cache import FeatureCache

SAY_FROM = 100
"""Texts from which on embedding them takes so long that the user is told."""

STRANGE = 0.45
"""Share of words in pieces from which on a text is thought to be in another language."""

SHORTEST = 4
"""Words below which nothing can be told of a text's language."""

# Share of words that the encoder's vocabulary has only in pieces: of 989 definitions of ImageNet's classes, half have
# less than 0.06, 99 in 100 less than 0.34, none more than 0.44. Of 25 sentences in German, French, Spanish, Italian,
# Dutch, Polish, Russian and Turkish 20 have 0.45 or more; French and Italian have the fewest, from 0.33 on.


def embedded(texts: Sequence[str], announce: Callable[[str], None] | None = None) -> npt.NDArray[np.float32]:
    """Return the vector of each text (n, 384), from the cache where it is there.

    Parameters
    ----------
    texts : sequence of str, length n
    announce : callable, optional
        Called with a sentence where this will take some time.

    Raises
    ------
    UsageError, WeightsError
        As in `embed_texts`.
    """
    store = FeatureCache(producer())
    try:
        found = {text: store.get(_digest(text)) for text in dict.fromkeys(texts)}
        new = [text for text, vector in found.items() if vector is None or len(vector) != WIDTH]
        if len(new) >= SAY_FROM and announce is not None:
            announce(f"Embedding {len(new):,} names and definitions, once on this machine.")
        for text, vector in zip(new, embed_texts(new), strict=True):
            found[text] = vector
            store.put(_digest(text), vector)
    finally:
        store.close()
    return np.array([found[text] for text in texts], np.float32).reshape(len(texts), WIDTH)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def doubts(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return what speaks against the encoder's understanding of class names and of their texts, a sentence each.

    Parameters
    ----------
    names : sequence of str, length k
    texts : sequence of str, length k
        "" where there is none.
    """
    sentences = []
    foreign = [name for name, text in zip(names, texts, strict=True) if _script(f"{name} {text}")]
    strange = [name for name, text in zip(names, texts, strict=True) if name not in foreign and _in_pieces(text)]
    long = [name for name, text in zip(names, texts, strict=True) if sum(map(len, pieces(text))) > LONGEST]
    if foreign:
        sentences.append(f"The text model knows English alone, but there is another script in {_listed(foreign)}.")
    if strange:
        sentences.append(
            f"The text model knows English alone, and of {_listed(strange)} it knows about half of the words only in "
            "pieces: describe the classes in plain English."
        )
    if long:
        sentences.append(f"The text model reads about 200 words; the rest of {_listed(long)} is not looked at.")
    return sentences


def _script(text: str) -> bool:
    """Return whether a third of the letters or more are not Latin ones."""
    letters = [letter for letter in text if letter.isalpha()]
    # Letters with marks of all European languages in the Latin script stand below U+0250.
    return 3 * sum(ord(letter) >= 0x250 for letter in letters) >= len(letters) > 0


def _in_pieces(text: str) -> bool:
    words = pieces(text)
    broken = sum(len(word) > 1 or word == ["[UNK]"] for word in words)
    return len(words) >= SHORTEST and broken >= STRANGE * len(words)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
