"""Learning classes beside a head, from what is remembered of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError, UsageError
from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution, prepared
from regraft.evidence.growth import Growth, divided, in_doubt, widened
from regraft.evidence.memory import Memory
from regraft.evidence.trust import COVERAGE
from regraft.heads.discriminant import NEVER, discriminant, scale_of
from regraft.heads.scoring import softmax, unit_rows

DIRECTIONS = 16
"""Directions that each learnt class adds to what is familiar, at most."""

TOLD_FROM = 5
"""Images of a learnt class from which on it can be said what is unlike it."""

TAIL = 0.1
"""Share of the margins that the level is read from."""

# What decides between the old classes and the new one, on flowers and hand signs: recall of the new class where 1% of
# the old classes' test images are given up, 20 images remembered of each old class; 1, 5 and 20 images of the new one,
# each class in turn, 1,280 + 1,280 features.
#
#                                                flowers              signs
#   imprinted weights (Qi et al., 2018)          0.32  0.53  0.62     0.37  0.50  0.67
#   logistic regression, new against all old     0.38  0.63  0.78     0.42  0.65  0.86
#   nearest centroids (SimpleShot)               0.37  0.62  0.74     0.39  0.65  0.73
#   logistic regression on all remembered        0.46  0.71  0.81     0.44  0.76  0.90
#   linear discriminants on all remembered       0.43  0.70  0.80     0.49  0.80  0.93
#   the same as one more row of the old head     0.45  0.70  0.80     0.51  0.80  0.91
#
# The last is for linear heads alone; discriminants are of closed form, so that what is left out in turn costs nothing.
# Mirrored views of the new images beside them changed recall by less than 0.02.


@dataclass(frozen=True, eq=False)
class Grown:
    """A growth, and what it says of each remembered image when it is left out.

    Parameters
    ----------
    growth : Growth
    memory : Memory
        What it was learnt from, m images.
    scores : float array of shape (m, b + a)
        Of the discriminants, for each remembered image without itself.
    """

    growth: Growth
    memory: Memory
    scores: npt.NDArray[np.float64]

    @property
    def left_out(self) -> npt.NDArray[np.float64]:
        """Probabilities (m, b + a) of each remembered image, from all the others."""
        return divided(self.scores, said_of(self.memory.said))

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which remembered images (m,) have others of their class beside them."""
        return self.scores[np.arange(len(self.memory)), self.memory.labels] > NEVER / 2

    def recognised(self, label: int, cost: float | None = None) -> int:
        """Return how many images of a class are recognised when they are left out, if it may cost the others so much.

        Parameters
        ----------
        label : int
            A class learnt after the fit.
        cost : float, optional
            Default: what it costs now.
        """
        y, scores = self.memory.labels, self.scores.copy()
        if cost is not None:
            scores[:, label] -= _level(scores[:, : label + 1], self.memory.said.astype(np.float64), y, cost)
        said = divided(scores, said_of(self.memory.said)).argmax(axis=1)
        return int((self.known & (y == label) & (said == label)).sum())


def check_cost(cost: float) -> None:
    """Raise UsageError unless a share of images is one that may be given up."""
    if not 0 < cost < 1:
        raise UsageError(f"--cost must be a share between 0 and 1, not {cost:g}; 0.01 gives up one image in a hundred.")


def grow(memory: Memory, costs: Sequence[float], familiarity: OutOfDistribution | None) -> Grown:
    """Learn classes beside those that the head was fitted on, from all that is remembered.

    Nothing else enters: learning a class and forgetting it again leaves what was there before.

    Parameters
    ----------
    memory : Memory
        Images of the learnt classes among it; these are the last classes.
    costs : sequence of float
        For each learnt class, in the order they were learnt, the share of the other classes' images that may be
        taken for it.
    familiarity : OutOfDistribution or None
        Of what the head was fitted on.
    """
    base = memory.said.shape[1]
    k = base + len(costs)
    y, roots = memory.labels, memory.roots
    mean = roots[y < base].mean(axis=0)
    found = discriminant(unit_rows(roots - mean), y, k)
    scale = scale_of(found.left_out, y)
    said = memory.said.astype(np.float64)
    scores, intercept = (np.where(v > NEVER, scale * v, NEVER) for v in (found.left_out, found.intercept))
    for position, cost in enumerate(costs):
        new = base + position
        level = _level(scores[:, : new + 1], said, y, cost)
        scores[:, new] -= level
        intercept[new] -= level
    growth = Growth(
        mean=mean,
        coef=(np.float32(scale) * found.coef).astype(np.float16),
        intercept=intercept.astype(np.float32),
        directions=np.zeros((0, len(mean)), np.float16),
        widths=memory.widths,
        costs=tuple(costs),
        limits=(None,) * len(costs),
    )
    grown = Grown(growth, memory, scores)
    left_out, known = grown.left_out, grown.known
    growth = replace(growth, conformal=sets_of(left_out[known], y[known]))
    if familiarity is not None:
        growth = _made_familiar(growth, memory, familiarity, left_out)
    return replace(grown, growth=growth)


def said_of(logarithms: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the probabilities (m, b) of what a memory keeps as logarithms in half precision."""
    return softmax(np.asarray(logarithms, np.float64))


def sets_of(probabilities: npt.NDArray[np.float64], y: npt.NDArray[np.integer]) -> Conformal | None:
    """Return what gives sets of plausible classes; None where there are too few images for sets of any use."""
    try:
        conformal = Conformal.fit(probabilities, y)
        conformal.threshold(COVERAGE)
    except DataError:
        return None
    return conformal


def _level(
    scores: npt.NDArray[np.float64], said: npt.NDArray[np.float64], y: npt.NDArray[np.integer], cost: float
) -> float:
    """Return what must be taken from the last class's scores so that it costs the others no more than a share.

    The margins of images that are named correctly without the new class have a tail that is close to exponential; its
    level is read off with the uncertainty of the fit in it, which few images would otherwise hide.

    References
    ----------
    Pickands, Statistical inference using extreme order statistics, 1975 (peaks over a threshold).
    """
    base, new = said.shape[1], scores.shape[1] - 1
    of_head = np.logaddexp.reduce(scores[:, :base], axis=1)[:, None] + said
    others = np.concatenate([of_head, scores[:, base:new]], axis=1)
    counted = y < new
    right = counted & (others.argmax(axis=1) == y)
    margins = np.sort(scores[right, new] - others[right].max(axis=1))[::-1]
    if not len(margins):
        return 0.0
    peaks = min(max(5, round(TAIL * len(margins))), len(margins) - 1)
    # Less than one image of those remembered cannot be promised: it would take their tail for more than it can tell.
    allowed = max(cost * int(counted.sum()), 1.0)
    if peaks < 1 or allowed >= peaks:
        return float(margins[min(int(allowed), len(margins) - 1)])
    start = margins[peaks]
    mean_excess = float((margins[:peaks] - start).mean())
    return float(start + peaks * mean_excess * ((peaks / allowed) ** (1 / peaks) - 1))


def _made_familiar(
    growth: Growth, memory: Memory, familiarity: OutOfDistribution, left_out: npt.NDArray[np.float64]
) -> Growth:
    """Return a growth for which images like those of the learnt classes are familiar."""
    learnt = np.flatnonzero(memory.labels >= growth.base)
    features, labels = memory.features[learnt], memory.labels[learnt]
    within = familiarity.directions.astype(np.float32)
    beyond = prepared(features, memory.widths) - familiarity.mean
    beyond -= (beyond @ within.T) @ within
    limits: list[float | None] = []
    for label in range(growth.base, len(growth.coef)):
        own = np.flatnonzero(labels == label)
        if len(own) < TOLD_FROM:
            limits.append(None)
            continue
        scores = np.empty(len(own))
        for fold in range(TOLD_FROM):
            out = np.arange(len(own)) % TOLD_FROM == fold
            rest = np.setdiff1d(np.arange(len(learnt)), own[out])
            judged = widened(familiarity, _directions(beyond[rest], labels[rest]))
            scores[out] = judged.score(features[own[out]], in_doubt(left_out[learnt[own[out]]], growth.base))
        limits.append(float(scores.max()))
    return replace(growth, directions=_directions(beyond, labels), limits=tuple(limits))


def _directions(beyond: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]) -> npt.NDArray[np.float16]:
    """Return the principal directions (q, d) of what the known directions leave of learnt images (s, d)."""
    _, sizes, axes = np.linalg.svd(beyond, full_matrices=False)
    most = DIRECTIONS * len(np.unique(labels))
    return axes[:most][sizes[:most] > 1e-3].astype(np.float16)
