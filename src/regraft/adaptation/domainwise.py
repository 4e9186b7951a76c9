"""Methods that see each domain from its own mean, at its own spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted, validate_data

from regraft.adaptation.base import Adaptation, Floats
from regraft.heads.scoring import SCORERS


class Domainwise(Adaptation):
    """An adaptation that takes away each domain's own mean and divides by its own spread before all else.

    A network that starts from domains that are already as alike as that makes them has much less to learn.

    Attributes
    ----------
    source_tensors_ : dict of str to array
        The learnt arrays for further examples of the source.
    """

    source_tensors_: dict[str, np.ndarray]

    def source_proba(self, X: npt.ArrayLike, domain: int = 0) -> npt.NDArray[np.float64]:
        """Return the probability (n, k) of each class for further examples of the source (n, d)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=[np.float32, np.float64])
        return SCORERS[self.scorer_](features, self.source_tensors_, self.settings_)


def centre_and_spread(X: Floats) -> tuple[Floats, np.float32]:
    """Return the mean (d,) of features, and one deviation for all of them: rare ones stay small, as they came."""
    mean = X.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(np.square(X - mean).mean()))
    if spread <= 1e-6 * float(np.abs(mean).max()):
        spread = 1.0  # features that are all alike but for rounding
    return mean.astype(np.float32), np.float32(spread)
