"""What methods share that move the source's examples to where the target's are, and learn on them there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted, validate_data

from regraft.adaptation.base import Adaptation, Floats, Known
from regraft.errors import UsageError
from regraft.heads.logistic import LogisticHead
from regraft.heads.scoring import SCORERS

Move = Callable[[np.ndarray], np.ndarray]
"""Where features (n, d) of a source come to lie."""


@dataclass(frozen=True, eq=False)
class Affine:
    """The map x -> (x - mean) matrix.

    Parameters
    ----------
    mean : array of shape (d,)
    matrix : array of shape (d, q), or (d,) for a diagonal one
    """

    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        centred = X - self.mean
        return centred * self.matrix if self.matrix.ndim == 1 else centred @ self.matrix

    def fold(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the linear classifier of unmapped features that equals `tensors` on mapped ones."""
        coef = tensors["coef"] * self.matrix if self.matrix.ndim == 1 else tensors["coef"] @ self.matrix.T
        return {"coef": np.ascontiguousarray(coef), "intercept": tensors["intercept"] - coef @ self.mean}


class Alignment(Adaptation):
    """Logistic regression on source examples that have been moved to where the target is.

    Each source is moved on its own. The target's map is affine, and folded into the classifier, so that the target's
    features are scored as they are. Examples of the target whose labels are known are learnt from with the source's.

    Parameters
    ----------
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation.
    seed : int
    """

    def __init__(self, C: float | None = None, seed: int = 0):
        self.C = C
        self.seed = seed

    @abstractmethod
    def _align(
        self, sources: list[Floats], labels: list[npt.NDArray[np.intp]], target: Floats, known: Known
    ) -> tuple[list[Move], Affine, dict[str, Any]]:
        """Return each source's map, the target's, and what has been chosen."""

    def _learn(
        self,
        X: Floats,
        y: npt.NDArray[np.intp],
        k: int,
        target: Floats,
        known: Known,
        domains: npt.NDArray[np.intp],
    ) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
        rows = [np.flatnonzero(domains == domain) for domain in range(domains.max() + 1)]
        sources = [X[own] for own in rows]
        moves, of_target, chosen = self._align(sources, [y[own] for own in rows], target, known)
        moved = [move(source) for move, source in zip(moves, sources, strict=True)]
        learnt = np.concatenate([*moved, of_target(target[known.rows])])
        labels = np.concatenate([*(y[own] for own in rows), known.y])
        head = LogisticHead(C=self.C, powers=(1.0,), seed=self.seed).fit(learnt, labels)
        tensors, settings = head.state()
        self._moves, self._moved_tensors = moves, tensors
        return "logistic", of_target.fold(tensors), {**settings, "n_features": X.shape[1], **chosen}

    def source_proba(self, X: npt.ArrayLike, domain: int = 0) -> npt.NDArray[np.float64]:
        """Return the probability (n, k) of each class for further examples of a source (n, d).

        Parameters
        ----------
        X : array of shape (n, d)
        domain : int
            Which source they are from, 0 to s - 1.

        Raises
        ------
        UsageError
            If there is no such source.
        """
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=[np.float32, np.float64])
        if not 0 <= domain < len(self._moves):
            raise UsageError(f"domain must be from 0 to {len(self._moves) - 1}, as there are sources, not {domain}")
        return SCORERS["logistic"](self._moves[domain](features), self._moved_tensors, self.settings_)


def mean_of(X: Floats) -> Floats:
    """Return the mean (d,) of examples (n, d), summed in double precision."""
    return X.mean(axis=0, dtype=np.float64).astype(np.float32)
