"""How well the target would be named, judged by the source's held-out examples, weighted to be like the target's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def importance_weighted(values: npt.ArrayLike, weights: npt.ArrayLike) -> float:
    """Return the mean of held-out figures under the weights of their examples.

    Parameters
    ----------
    values : array of shape (n,)
        Of each held-out source example: 1 where it is named rightly and 0 where not, or its loss.
    weights : array of shape (n,)
        The target's density over the source's there, up to a factor.

    Returns
    -------
    float

    References
    ----------
    Sugiyama, Krauledat & Müller, Covariate Shift Adaptation by Importance Weighted Cross Validation, 2007.
    """
    return float(np.average(np.asarray(values, np.float64), weights=np.asarray(weights, np.float64)))
