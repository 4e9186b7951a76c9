"""What every method shares that learns on a labelled source for another, unlabelled domain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from regraft.heads.scoring import SCORERS

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Known:
    """Examples of the target whose labels may be learnt from.

    Parameters
    ----------
    rows : int array of shape (q,)
        Rows of the target.
    y : int array of shape (q,)
        Class indices.
    """

    rows: npt.NDArray[np.intp]
    y: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)


class Adaptation(ClassifierMixin, BaseEstimator, ABC):
    """A classifier for a target domain, learnt on a labelled source, whose fitted state can be stored.

    Attributes
    ----------
    classes_ : array of shape (k,)
        The labels, in the order of the columns of `predict_proba`.
    scorer_ : str
        Which of `SCORERS` scores the state.
    tensors_ : dict of str to array
        The learnt arrays.
    settings_ : dict
        The learnt or chosen settings, each fit for JSON.
    """

    needs_target_labels: ClassVar[bool] = False
    """Whether there is nothing to learn from a target without labels."""

    classes_: np.ndarray
    n_features_in_: int

    @abstractmethod
    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        """Return the scorer, tensors and settings that name examples of the target.

        Parameters
        ----------
        X : float32 array of shape (n, d)
            The source.
        y : int array of shape (n,)
            Class indices, 0 to k - 1.
        k : int
        target : float32 array of shape (m, d)
        known : Known
            Of the target; empty where no label is known.
        domains : int array of shape (n,)
            Which source each example is from, 0 to s - 1.
        """

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        target: npt.ArrayLike | None = None,
        *,
        known: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        domains: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn to name examples of the target.

        Parameters
        ----------
        X : array of shape (n, d)
            Features of the source.
        y : array of shape (n,)
            Its labels.
        target : array of shape (m, d), optional
            Features of the target; without it there is no other domain, and nothing to adapt to.
        known : (int array of shape (q,), array of shape (q,)), optional
            Rows of the target whose labels may be learnt from, and these labels.
        domains : array of shape (n,), optional
            Which of several sources each example is from.

        Returns
        -------
        Adaptation
            The estimator itself.

        Raises
        ------
        ValueError
            If the arrays are not what scikit-learn accepts, y has one class only, or a known label is none of y's.
        """
        features, labels = validate_data(self, X, y, dtype=np.float32, order="C")
        check_classification_targets(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        k = len(self.classes_)
        if k < 2:
            raise ValueError(
                f"a classifier needs examples of 2 classes or more, but y has only one class, '{labels[0]}'"
            )
        other = features if target is None else check_array(target, dtype=np.float32, order="C")
        if other.shape[1] != features.shape[1]:
            raise ValueError(f"target must have {features.shape[1]} features as X, not {other.shape[1]}")
        of_source = np.zeros(len(features), np.intp)
        if domains is not None:
            check_consistent_length(features, domains)
            of_source = np.unique(np.asarray(domains), return_inverse=True)[1]
        self.scorer_, self.tensors_, settings = self._learn(
            features, indices, k, other, self._known(known, len(other)), of_source
        )
        self.settings_ = {"n_features": features.shape[1], "power": 1.0, **settings}
        return self

    def _known(self, known: tuple[npt.ArrayLike, npt.ArrayLike] | None, m: int) -> Known:
        if known is None:
            return Known(np.zeros(0, np.intp), np.zeros(0, np.intp))
        rows, labels = np.asarray(known[0], np.intp), np.asarray(known[1])
        check_consistent_length(rows, labels)
        if len(rows) and not (rows.min() >= 0 and rows.max() < m):
            raise ValueError(f"the rows of known must be from 0 to {m - 1}, not {rows.min()} to {rows.max()}")
        strangers = labels[~np.isin(labels, self.classes_)]
        if len(strangers):
            raise ValueError(f"the labels of known must be classes of y, and '{strangers[0]}' is none")
        return Known(rows, np.searchsorted(self.classes_, labels))

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the probability (n, k) of each class for examples of the target (n, d)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=[np.float32, np.float64])
        return SCORERS[self.scorer_](features, self.tensors_, self.settings_)

    def source_proba(self, X: npt.ArrayLike, domain: int = 0) -> npt.NDArray[np.float64]:
        """Return the probability (n, k) of each class for further examples of the source (n, d).

        Parameters
        ----------
        X : array of shape (n, d)
        domain : int
            Which source they are from, where each is treated in its own way.
        """
        return self.predict_proba(X)

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Return the most probable label (n,) for examples of the target (n, d)."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def state(self) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        """Return the scorer's name, the arrays and the JSON-able settings."""
        check_is_fitted(self)
        return self.scorer_, self.tensors_, self.settings_
