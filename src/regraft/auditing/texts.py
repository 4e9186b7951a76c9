"""Texts that are there more than once, and what gives their classes away beside what they say.

References
----------
Broder, "On the resemblance and containment of documents", 1997 (likeness by runs of letters); Achlioptas,
"Database-friendly random projections", 2003 (how pairs worth a look are found).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

COSINE = 0.7
"""Least cosine of two copies, by TF-IDF of runs of 4 letters."""

SHORTEST, LONGEST = 60, 1_000
"""Letters from which on texts are compared by spelling, as short ones are like each other by nature; and how many."""

# Measured on one altered copy of each of 380 product reviews and 541 film reviews of 60 letters or more:
#
#                        product reviews   film reviews   (copies found)
#   a letter changed     1.00              1.00
#   two letters          1.00              1.00
#   four letters         0.84              0.86
#   a word exchanged     1.00              1.00
#   a word left out      1.00              1.00
#   words added          1.00              1.00
#   a seventh cut off    1.00              1.00
#   pairs in the set     0                 0
#
# Of all lengths, 35 and 6 pairs of the sets would pass, such as "just what I wanted" and "not what I wanted".

SLACK, DIRECTIONS = 0.2, 256
"""How far a cosine over so many random directions may fall short of the true one: five standard errors."""

CHUNK, BATCH = 256, 2048
"""Texts compared with all others at once, and pairs looked at closely: memory stays flat however many there are."""

MARKS = ("!", "?", ".", ",", "\"'\u201c\u201d\u2018\u2019", ":;", "()[]")
"""Kinds of punctuation marks that are counted."""

_LINK = re.compile(r"https?://|www\.|\b[\w.+-]+@\w+\.\w", re.IGNORECASE)


def near(texts: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return for each of m different texts the set of near copies that it belongs to, a number (m,).

    Copies are the same after case, white space and punctuation, or long and spelt almost alike.
    """
    plain = [normalised(text) for text in texts]
    _, first, home = np.unique(np.array(plain, dtype=object), return_index=True, return_inverse=True)
    long = np.array([i for i, at in enumerate(first) if len(plain[at]) >= SHORTEST], np.intp)
    joined = np.arange(len(first))
    joined[long] = long[_spelt_alike([plain[first[i]] for i in long])]
    return joined[home]


def normalised(text: str) -> str:
    """Return a text without case, punctuation and extra white space; as it is where nothing else would be left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(letter)[0] in "PZC" else letter for letter in folded)
    return " ".join(kept.split()) or text.strip()


def _spelt_alike(texts: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return for each of m texts the set of those spelt almost alike that it belongs to, a number (m,)."""
    from regraft.heads.tfidf import spelling

    home = np.arange(len(texts))
    if len(texts) < 2:
        return home
    spelt = spelling([text[:LONGEST] for text in texts])
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (spelt.shape[1], DIRECTIONS))
    rough = np.asarray(spelt @ signs) / np.float32(np.sqrt(DIRECTIONS))
    for start in range(0, len(texts), CHUNK):
        close = np.triu(rough[start : start + CHUNK] @ rough[start:].T >= COSINE - SLACK, 1)
        pairs = np.argwhere(close) + start
        for at in range(0, len(pairs), BATCH):
            left, right = pairs[at : at + BATCH].T
            apart = home[left] != home[right]
            left, right = left[apart], right[apart]
            alike = np.asarray(spelt[left].multiply(spelt[right]).sum(axis=1)).ravel() >= COSINE
            for one, other in zip(left[alike], right[alike], strict=True):
                if home[one] != home[other]:
                    home[home == home[other]] = home[one]
    return home


def cues(texts: Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
    """Return what is known of n texts without reading them: arrays of shape (n, some)."""
    words = [text.split() for text in texts]
    letters = np.array([max(len(text), 1) for text in texts], np.float64)
    lengths = np.stack([letters, np.array([len(one) for one in words], np.float64)], axis=1)
    shouted = [sum(len(word) > 1 and word.isupper() for word in one) / max(len(one), 1) for one in words]
    capitals = np.array([sum(map(str.isupper, text)) for text in texts]) / letters
    digits = np.array([sum(map(str.isnumeric, text)) for text in texts]) / letters
    marks = np.array([[sum(map(text.count, kind)) for kind in MARKS] for text in texts], np.float64)
    return {
        "length": np.log1p(lengths),
        "capitals": np.stack([capitals, np.array(shouted)], axis=1),
        "digits": digits[:, None],
        "punctuation": marks.reshape(len(texts), len(MARKS)) / letters[:, None],
        "links": np.log1p(np.array([len(_LINK.findall(text)) for text in texts], np.float64))[:, None],
    }
