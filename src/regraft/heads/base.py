"""What every head shares: scikit-learn's contract around a state of arrays and plain settings."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from regraft.heads.scoring import SCORERS


class Head(ClassifierMixin, BaseEstimator, ABC):
    """A classifier of features whose fitted state can be stored without pickle.

    Attributes
    ----------
    classes_ : array of shape (k,)
        The labels, in the order of the columns of `predict_proba`.
    tensors_ : dict of str to array
        The learned arrays.
    settings_ : dict
        The learned or chosen settings, each fit for JSON.
    """

    method: ClassVar[str]
    """The head's name in `SCORERS` and `HEADS`."""

    classes_: np.ndarray
    n_features_in_: int

    @abstractmethod
    def _learn(
        self, X: npt.NDArray[np.float32], y: npt.NDArray[np.intp], k: int, groups: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the tensors and settings learned from X (n, d) and class indices y (n,)."""

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Learn to tell the classes apart.

        Parameters
        ----------
        X : array of shape (n, d)
            Features.
        y : array of shape (n,)
            Labels.
        groups : array of shape (n,), optional
            Examples of one group are held out together wherever a setting is chosen.

        Returns
        -------
        Head
            The head itself.

        Raises
        ------
        ValueError
            If X or y is not what scikit-learn accepts, or y has one class only.
        """
        features, labels = validate_data(self, X, y, dtype=np.float32, order="C")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # many classes of few images are usual here
            check_classification_targets(labels)
        if groups is not None:
            groups = np.asarray(groups)
            check_consistent_length(features, groups)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        k = len(self.classes_)
        if k < 2:
            raise ValueError(f"a head needs examples of 2 classes or more, but y has only one class, '{labels[0]}'")
        self.tensors_, settings = self._learn(features, indices, k, groups)
        self.settings_ = {"n_features": features.shape[1], **settings}
        return self

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the probability (n, k) of each class for features X (n, d)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=[np.float32, np.float64])
        return SCORERS[self.method](features, self.tensors_, self.settings_)

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return the most probable label (n,) for features X (n, d)."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def out_of_fold(
        self,
        X: npt.NDArray[np.float32],
        y: npt.NDArray[np.intp],
        pairs: Sequence[tuple[np.ndarray, np.ndarray]],
        groups: np.ndarray | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return the probabilities that the method gives to examples it has not seen.

        Parameters
        ----------
        X : array of shape (n, d)
            What this head was fitted on.
        y : int array of shape (n,)
            Class indices, 0 to k - 1.
        pairs : sequence of (train, test) pairs of row indices
        groups : array of shape (n,), optional

        Returns
        -------
        array of shape (m, k)
            Of every pair's test examples, pair after pair.
        """
        parts = []
        for train, test in pairs:
            head = clone(self).fit(X[train], y[train], None if groups is None else groups[train])
            # A class the fold has not seen gets what one example more would have earned it.
            proba = np.full((len(test), y.max() + 1), 1 / (len(train) + 1))
            proba[:, head.classes_] = head.predict_proba(X[test])
            parts.append(proba / proba.sum(axis=1, keepdims=True))
        return np.concatenate(parts)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the JSON-able settings that `from_state` and `SCORERS` take."""
        check_is_fitted(self)
        return self.tensors_, self.settings_

    @classmethod
    def from_state(cls, tensors: dict[str, np.ndarray], settings: dict[str, Any], classes: npt.ArrayLike) -> Self:
        """Return the fitted head whose `state()` this was; `classes` (k,) are its labels in order."""
        head = cls()
        head.tensors_, head.settings_ = dict(tensors), dict(settings)
        head.classes_ = np.asarray(classes)
        head.n_features_in_ = settings["n_features"]
        return head
