"""Texts that are on every installation, to try on a classifier what it has never seen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

EACH = 20
"""Texts of each kind."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def strange_texts(seed: int = 0) -> tuple[list[str], list[str]]:
    """Return some 60 texts that have little to do with anybody's classes.

    They are sentences of the descriptions that come with scikit-learn's data sets (of flowers and of tumours), and
    words of random letters.

    Parameters
    ----------
    seed : int
        Draws them.

    Returns
    -------
    texts : list of str
    names : list of str
        A kind ("iris", "cancer", "letters"), a space, and which of it.
    """
    rng = np.random.default_rng(seed)
    found = [*_described("iris", rng), *_described("cancer", rng), *_random(rng)]
    return [text for _, text in found], [name for name, _ in found]


def _described(kind: str, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    from sklearn.datasets import load_breast_cancer, load_iris

    description = {"iris": load_iris, "cancer": load_breast_cancer}[kind]().DESCR
    plain = re.sub(r"[^\w\s.,;:()'-]+|[-=:]{2,}", " ", description)
    sentences = [" ".join(part.split()) for part in re.split(r"[.:]\s", plain)]
    prose = [sentence for sentence in sentences if len(sentence.split()) >= 4]
    for number in range(EACH):
        yield f"{kind} {number}", prose[int(rng.integers(len(prose)))]


def _random(rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    for number in range(EACH):
        words = ["".join(rng.choice(list(LETTERS), int(rng.integers(2, 10)))) for _ in range(int(rng.integers(5, 20)))]
        yield f"letters {number}", " ".join(words)
