"""Labels spread over a graph of near neighbours, from the few labelled images to all unlabelled ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.heads.scoring import CHUNK, nearest_first, signed_power, unit_rows

NEIGHBORS, TEMPERATURE, ALPHA = 8, 0.1, 0.95
"""Of the graph, and how much of its labels an image takes from its neighbours."""

# Mean accuracy of 20 episodes on all other images, Lite0 + Lite1, centred signed roots, three views side by side, by
# labels a class:
#
#                            flowers 1   2     5     20     signs 1   2     5     20     cats and dogs 1   5     20
#   prototypes, no graph       0.526  0.652  0.761  0.868    0.575  0.702  0.811  0.934    0.835      0.978  0.989
#   8 neighbours, by cosine    0.646  0.745  0.792  0.846    0.742  0.831  0.896  0.934    0.979      0.991  0.992
#   temperature 0.05           0.645  0.746  0.793  0.847    0.745  0.836  0.906  0.948    0.977      0.988  0.991
#   temperature 0.1 (this)     0.643  0.744  0.792  0.848    0.750  0.840  0.904  0.946    0.978      0.990  0.991
#   temperature 0.2            0.641  0.741  0.789  0.848    0.745  0.836  0.902  0.940    0.978      0.990  0.992
#   12 neighbours              0.642  0.749  0.791  0.854    0.749  0.831  0.892  0.936    0.980      0.990  0.992
#
# By cosine and one view, alpha 0.5, 0.8, 0.95 and 0.98: flowers with 1 label 0.60, 0.62, 0.64, 0.64.


class LabelPropagation:
    """A graph of images, on which labels of some of them spread to all the others.

    Each image is joined to its nearest neighbours by cosine, by exp((similarity - the nearest one's) / temperature),
    and takes `alpha` of its labels from them, evenly over the degrees of both ends.

    Parameters
    ----------
    views : sequence of float arrays of shape (n, d)
        Features of the same n images, in one or more views that are compared each with its like.
    n_neighbors : int
    temperature : float
        In units of cosine.
    alpha : float
        Between 0 and 1.

    Notes
    -----
    The inverse of an n x n matrix is kept: 4,000 images take 64 MB and some seconds.

    References
    ----------
    Zhou et al., Learning with Local and Global Consistency, 2003; Iscen et al., Label Propagation for Deep
    Semi-supervised Learning, 2019.
    """

    def __init__(
        self,
        views: list[npt.NDArray[np.float32]],
        n_neighbors: int = NEIGHBORS,
        temperature: float = TEMPERATURE,
        alpha: float = ALPHA,
    ):
        X = np.concatenate([_centred(view) for view in views], axis=1) / np.float32(np.sqrt(len(views)))
        n = len(X)
        joined = np.zeros((n, n), np.float32)
        for start in range(0, n, CHUNK):
            rows = np.arange(start, min(start + CHUNK, n))
            similarity = X[rows] @ X.T
            similarity[np.arange(len(rows)), rows] = -np.inf
            near, who = nearest_first(similarity, min(n_neighbors, n - 1))
            joined[rows[:, None], who] = np.exp((near - near[:, :1]) / temperature)
        joined = np.maximum(joined, joined.T)
        root = 1 / np.sqrt(joined.sum(axis=1))
        joined *= -alpha * root[:, None]
        joined *= root
        joined[np.arange(n), np.arange(n)] += 1
        self._reach = np.linalg.inv(joined)

    def spread(
        self,
        labelled: npt.NDArray[np.intp],
        y: npt.NDArray[np.intp],
        k: int,
        groups: npt.NDArray[np.str_] | None = None,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return what all images get, and what each labelled one would get without its own label.

        Parameters
        ----------
        labelled : int array of shape (m,)
            Which images have a label.
        y : int array of shape (m,)
            Their classes, 0 to k - 1.
        k : int
        groups : array of shape (m,), optional
            Labelled images of one group are left out together.

        Returns
        -------
        all : array of shape (n, k)
            Shares of each class, which sum to 1; each class has spread as much in all.
        left_out : array of shape (m, k)
            The same, of the labelled images, each without its own label.
        """
        reach = np.maximum(self._reach[:, labelled], 0).astype(np.float64)
        mass = reach.sum(axis=0)
        own = np.eye(k)[y]
        all_mass = mass @ own
        everyone = _shares(reach @ own, all_mass)
        out = np.eye(len(y)) if groups is None else (groups[:, None] == groups).astype(np.float64)
        left = np.maximum(all_mass - out @ (mass[:, None] * own), 0)
        return everyone, _shares((reach[labelled] * (1 - out)) @ own, left)


def _centred(view: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    raised = signed_power(view, 0.5)
    return unit_rows(raised - raised.mean(axis=0))


def _shares(spread: np.ndarray, mass: np.ndarray) -> npt.NDArray[np.float64]:
    """Return rows that sum to 1, once each class has spread the same mass in all; nothing at all is even shares."""
    spread = np.divide(spread, mass, out=np.zeros_like(spread), where=np.broadcast_to(mass > 1e-12, spread.shape))
    total = spread.sum(axis=1, keepdims=True)
    even = np.full_like(spread, 1 / spread.shape[1])
    return np.divide(spread, total, out=even, where=np.broadcast_to(total > 1e-12, spread.shape))
