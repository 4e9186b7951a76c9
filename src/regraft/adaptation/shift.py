"""Whether a target is the source's classes moved, or the same classes in other proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]

MOSTLY = 0.5
"""Share of the domains' discrepancy that other proportions must account for.

Of 26 targets made of the source's own kind in other proportions it was 0.83 or more; of 22 pairs of domains with like
proportions (speakers, products, crystals, cameras) 0.00 to 0.20; where both had changed, of 6, up to 0.14.
"""

APART = 0.1
"""Total variation of the proportions from which on they are called other."""

AGAINST = 0.1
"""Nats an example by which the account of moved classes must not be the likelier one: that may be along their means."""

CLEAR, EVIDENCE = 0.04, 10.0
"""Nats, an example and in all, by which other proportions must be the likelier account where classes have moved too."""

SPREAD = 5.0
"""Variance around the classes, against the source's held-out one, above which neither account can be trusted."""

LEAST = 1e-5
"""Probabilities below count as this: their logarithms are the noise of rounding."""

PASSES, SETTLED, RIDGE = 200, 1e-6, 0.05


@dataclass(frozen=True)
class Shift:
    """Two accounts of a target, by how a classifier of the source sees it and by its features.

    Parameters
    ----------
    mixed : float
        Mean log likelihood of its predictions if classes look as they do in the source, in other proportions.
    moved : float
        The same if proportions are the source's, and all classes have moved alike.
    spread : float
        Variance around the classes under the first, against that of held-out source examples.
    proportions : array of shape (k,)
        Of the target's classes under the first.
    apart : float
        Total variation between these and the source's, 0 to 1.
    explained : float
        Share of the domains' discrepancy that is gone with other proportions of the source's classes.
    n : int
        Examples of the target.
    """

    mixed: float
    moved: float
    spread: float
    proportions: npt.NDArray[np.float64]
    apart: float
    explained: float
    n: int

    @property
    def is_explained(self) -> bool:
        """Whether other proportions account for most of what the domains differ in, and nothing speaks against it."""
        return self.explained > MOSTLY and self.apart > APART and self.moved - self.mixed < AGAINST

    @property
    def is_mixed(self) -> bool:
        """Whether proportions are others, even if classes have moved too: then what makes domains alike does harm."""
        gain = self.mixed - self.moved
        likelier = gain > CLEAR and gain * self.n > EVIDENCE and self.apart > APART and self.spread < SPREAD
        return self.is_explained or likelier

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "log_likelihood_other_proportions": self.mixed,
            "log_likelihood_moved": self.moved,
            "spread": self.spread,
            "proportions": [float(share) for share in self.proportions],
            "total_variation": self.apart,
            "explained_by_proportions": self.explained,
            "other_proportions": self.is_mixed,
        }


def shift_of(held_out: Floats, y: npt.NDArray[np.intp], said: Floats, explained: float) -> Shift:
    """Return how a target differs from the source, as a classifier of the source sees both.

    Its log odds of the classes are taken for a mixture of normal distributions, one a class, with the means and the
    common covariance of held-out source examples. Either the mixture's proportions are free, or one shift of all means
    is; in both a factor of the covariance is.

    Parameters
    ----------
    held_out : array of shape (n, k)
        Probabilities of the source's examples, each by what had not learnt from it.
    y : int array of shape (n,)
        Their classes; each of the k is there.
    said : array of shape (m, k)
        Probabilities of the target's examples.
    explained : float
        What `explained_by_proportions` says of their features.

    References
    ----------
    Zhang, Schölkopf, Muandet & Wang, Domain Adaptation under Target and Conditional Shift, 2013 (the two shifts).
    """
    k = held_out.shape[1]
    source, target = _log_odds(held_out), _log_odds(said)
    means = np.array([source[y == c].mean(axis=0) for c in range(k)])
    around = source - means[y]
    covariance = around.T @ around / len(source)
    covariance += np.eye(k - 1) * (RIDGE * np.trace(covariance) / (k - 1) + 1e-12)
    white = np.linalg.inv(np.linalg.cholesky(covariance)).T
    before = np.bincount(y, minlength=k) / len(y)
    mixed, spread, shares = _fitted(target @ white, means @ white, np.clip(said.mean(axis=0), 1e-3, 1), before)
    # As far as both means are apart, moved back.
    offset = (target.mean(axis=0) - source.mean(axis=0)) @ white
    moved, _, _ = _fitted(target @ white, means @ white, before, before, offset)
    return Shift(mixed, moved, spread, shares, float(np.abs(shares - before).sum() / 2), explained, len(said))


def _log_odds(proba: Floats) -> Floats:
    """Return the log probabilities (n, k) in coordinates (n, k - 1) of the plane that sums to 0."""
    k = proba.shape[1]
    plane = np.linalg.svd(np.eye(k) - 1 / k)[0][:, : k - 1]
    return np.log(np.maximum(proba, LEAST)) @ plane


def _fitted(
    Z: Floats, means: Floats, shares: Floats, before: Floats, offset: Floats | None = None
) -> tuple[float, float, Floats]:
    """Return the mean log likelihood of points (m, q) of unit covariance a class, its factor, and the proportions.

    Without an offset the proportions are free, from `shares` on; with one it is, and they are as before.
    """
    q = Z.shape[1]
    shares, factor, last = shares / shares.sum(), 1.0, -np.inf
    for _ in range(PASSES):
        moved = means if offset is None else means + offset
        squared = ((Z[:, None] - moved) ** 2).sum(axis=2)
        logs = np.log(np.maximum(shares, 1e-12)) - squared / (2 * factor) - q / 2 * np.log(factor)
        total = logsumexp(logs, axis=1)
        owns = np.exp(logs - total[:, None])
        likelihood = float(total.mean())
        if likelihood - last < SETTLED:
            break
        last = likelihood
        if offset is None:
            shares = (owns.sum(axis=0) + before) / (len(Z) + 1)
        else:
            offset = (Z - owns @ means).mean(axis=0)
            squared = ((Z[:, None] - means - offset) ** 2).sum(axis=2)
        factor = max(float((squared * owns).sum() / (len(Z) * q)), 0.05)
    return last, factor, shares
