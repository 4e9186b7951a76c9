"""Linear discriminants of few examples a class, in closed form and with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RIDGE = 0.006
"""Added to every variance, as a share of the sum of all variances within classes; 0.002 to 0.012 did alike."""

NEVER = -1e9
"""Score of a class that has no example."""

SCALES = np.geomspace(0.02, 3, 40)
"""Inverse temperatures to choose from."""


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Linear discriminant analysis, and what each example would have got had it been left out.

    Parameters
    ----------
    coef : float array of shape (k, d)
    intercept : float array of shape (k,)
    left_out : float array of shape (n, k)
        Scores of the examples, each by the means and the covariance of the others; `NEVER` for a class that has no
        other example.
    """

    coef: npt.NDArray[np.floating]
    intercept: npt.NDArray[np.floating]
    left_out: npt.NDArray[np.floating]


def discriminant(X: npt.NDArray[np.float32], y: npt.NDArray[np.integer], k: int) -> Discriminant:
    """Return the linear discriminants of classes that share a covariance, shrunk towards a multiple of the identity.

    All is done in the span of the examples: n of them in d dimensions cost n^2 d + n^3.

    Parameters
    ----------
    X : array of shape (n, d)
        Examples.
    y : int array of shape (n,)
        Their classes, 0 to k - 1; a class may have none.
    k : int

    References
    ----------
    Friedman, Regularized Discriminant Analysis, 1989 (the shrinkage).
    """
    n, i = len(X), np.arange(len(X))
    counts = np.bincount(y, minlength=k).astype(np.float64)
    means = np.zeros((k, X.shape[1]), np.float32)
    np.add.at(means, y, X)
    means /= np.maximum(counts, 1)[:, None].astype(np.float32)
    within = X - means[y]
    freedom = max(n - int((counts > 0).sum()), 1)
    spread = float(np.einsum("nd,nd->", within, within, dtype=np.float64))
    # One example a class has no spread: any ridge then gives the nearest mean.
    ridge = RIDGE * (spread if spread > 1e-9 * n else float(freedom))
    # S = W'W + ridge I; by Woodbury's identity S^-1 = (I - W' (ridge I + W W')^-1 W) / ridge.
    among = (within @ within.T).astype(np.float64)
    inverse = np.linalg.inv(ridge * np.eye(n) + among)
    onto = (means @ within.T).astype(np.float64)
    coef = (means - (onto @ inverse).astype(np.float32) @ within) / np.float32(ridge)
    between = (coef @ means.T).astype(np.float64)
    cross = (within @ coef.T).astype(np.float64)  # (n, k): w_i S^-1 m_c
    own = (np.diag(among) - np.einsum("ij,ij->i", among @ inverse, among)) / ridge  # w_i S^-1 w_i

    # Without example i, S loses f w_i w_i', and the mean of its class moves by -w_i / (count - 1).
    count = counts[y]
    f = count / np.maximum(count - 1, 1)
    gain = f / (1 - f * own)
    along = cross[i, y] + own  # x_i S^-1 w_i
    scores = (between[y] + cross) + (gain * along)[:, None] * cross
    scores -= 0.5 * (np.diag(between) + gain[:, None] * cross**2)
    step, stretch = 1 / np.maximum(count - 1, 1), 1 + gain * own
    scores[i, y] += -step * stretch * along + step * stretch * cross[i, y] - 0.5 * step**2 * stretch * own
    scores[i[count == 1], y[count == 1]] = NEVER
    intercept = np.where(counts > 0, -0.5 * np.diag(between), NEVER)
    scores = np.where(counts[None] > 0, scores, NEVER)
    left_out = np.where(scores > NEVER, freedom * scores, NEVER)
    return Discriminant(coef * np.float32(freedom), np.where(counts > 0, freedom * intercept, NEVER), left_out)


def scale_of(left_out: npt.NDArray[np.floating], y: npt.NDArray[np.integer]) -> float:
    """Return the inverse temperature with the least log loss of left-out scores (n, k); 1 where none can tell."""
    known = left_out[np.arange(len(y)), y] > NEVER
    if not known.any():
        return 1.0
    scores, y = left_out[known], y[known]
    scores = scores - scores.max(axis=1, keepdims=True)
    true = scores[np.arange(len(y)), y]
    losses = [float((np.log(np.exp(s * scores).sum(axis=1)) - s * true).mean()) for s in SCALES]
    return float(SCALES[int(np.argmin(losses))])
