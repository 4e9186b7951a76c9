"""Words counted and weighed: what can be told of texts without anything learnt before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from regraft.heads.folds import stratified_rows, train_test_pairs

TOKEN = r"[^\W\u3040-\u9fff]+|\S"
"""A word, a mark, or a letter of a script that leaves no blanks between words."""

CS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Inverse strengths of the penalty to choose from."""

DEFAULT_C = 10.0
"""Where no text can be held out, and C cannot be chosen."""

FOLDS, SAMPLE = 5, 3000
"""C is chosen over so many folds, on so many texts at most."""

TERMS = 200_000
"""Most words and pairs of words that are counted, the most frequent ones."""

COLUMNS = 256
"""Most columns that texts are summed up in where nothing is known of their classes."""


class TfidfClassifier:
    """TF-IDF of words and of pairs of words, and logistic regression; C is chosen by cross-validation.

    Within each fold the words are counted and weighed anew, so that nothing of what is held out is known.

    Parameters
    ----------
    Cs : sequence of float
        Inverse strengths of the penalty to choose from.
    seed : int
        Deals the texts into folds.

    Attributes
    ----------
    classes_ : int array of shape (k,)
        Labels, in the order of the columns of `predict_proba`.
    C_ : float
        The chosen one.

    References
    ----------
    Wang & Manning, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, 2012.
    """

    def __init__(self, Cs: Sequence[float] = CS, seed: int = 0) -> None:
        self.Cs = Cs
        self.seed = seed

    def fit(self, texts: Sequence[str], y: npt.ArrayLike, groups: npt.NDArray[Any] | None = None) -> Self:
        """Learn to tell the classes apart.

        Parameters
        ----------
        texts : sequence of str, length n
        y : int array of shape (n,)
            Class indices of two classes or more.
        groups : array of shape (n,), optional
            Texts of one group are held out together.
        """
        labels = np.asarray(y)
        self.C_ = self._choose(texts, labels, groups)
        self._words = _vectorizer()
        self._head = _regression(self.C_).fit(self._words.fit_transform(texts), labels)
        self.classes_ = self._head.classes_
        return self

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return the probability (m, k) of each class for texts."""
        return self._head.predict_proba(self._words.transform(texts))

    def _choose(self, texts: Sequence[str], y: npt.NDArray[Any], groups: npt.NDArray[Any] | None) -> float:
        """Return the C of the least log loss on texts held out."""
        indices = np.unique(y, return_inverse=True)[1]
        rows = stratified_rows(indices, SAMPLE, self.seed)
        y, of_rows = indices[rows], None if groups is None else groups[rows]
        losses = np.zeros(len(self.Cs))
        for train, test in train_test_pairs(y, FOLDS, of_rows, self.seed):
            known = np.unique(y[train])
            test = test[np.isin(y[test], known)]  # no C can teach a class that the fold has not seen
            if len(known) < 2 or not len(test):
                continue
            words = _vectorizer()
            seen = words.fit_transform([texts[i] for i in rows[train]])
            unseen = words.transform([texts[i] for i in rows[test]])
            for position, C in enumerate(self.Cs):
                said = _regression(C).fit(seen, y[train]).predict_proba(unseen)
                losses[position] += len(test) * log_loss(y[test], said, labels=known)
        return float(self.Cs[int(losses.argmin())]) if losses.any() else DEFAULT_C


def summed_up(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return texts as the main directions of their TF-IDF (n, d), at most 256; no label is looked at.

    References
    ----------
    Deerwester et al., Indexing by Latent Semantic Analysis, 1990.
    """
    counted = _vectorizer().fit_transform(texts)
    columns = min(COLUMNS, min(counted.shape) - 1)
    if columns < 2:
        return counted.toarray().astype(np.float32)[:, :COLUMNS]
    return TruncatedSVD(columns, random_state=0).fit_transform(counted).astype(np.float32)


def spelling(texts: Sequence[str]) -> csr_matrix:
    """Return the TF-IDF (n, 65536) of runs of 4 letters, each row of length one."""
    runs = HashingVectorizer(
        analyzer="char", ngram_range=(4, 4), n_features=2**16, norm=None, alternate_sign=False, dtype=np.float32
    )
    return TfidfTransformer(sublinear_tf=True).fit_transform(runs.transform(texts))


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(
        token_pattern=TOKEN, ngram_range=(1, 2), sublinear_tf=True, max_features=TERMS, dtype=np.float32
    )


def _regression(C: float) -> LogisticRegression:
    return LogisticRegression(C=C, max_iter=300, tol=1e-3)
