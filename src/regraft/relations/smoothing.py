"""Predictions of linked examples brought into line with each other: loopy belief propagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_PASSES = 200
TOLERANCE = 1e-4
"""Largest change of a message's log odds at which they are settled."""

UNDAMPED = 30
"""Passes after which messages are averaged with those before: on trees they have long settled, in loops they may swing.
"""

RAREST = 1e-12
"""Least probability of a class that enters: a certain prediction can still be overruled, by a lot."""

BALANCING = 500


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Predictions after their neighbours have been heard.

    Parameters
    ----------
    probabilities : float array of shape (n, k)
    passes : int
        How often messages went over all links.
    settled : bool
        Whether they had stopped changing at the end.
    """

    probabilities: npt.NDArray[np.float64]
    passes: int
    settled: bool


def propagate(
    probabilities: npt.NDArray[np.floating],
    edges: npt.NDArray[np.intp],
    which: npt.NDArray[np.intp],
    potentials: Sequence[npt.NDArray[np.float64]],
) -> Smoothed:
    """Return the probability of each class once links have been heard: exact on trees, in loops an approximation.

    Parameters
    ----------
    probabilities : float array of shape (n, k)
        Of each example alone. One without links keeps its own exactly.
    edges : int array of shape (e, 2)
    which : int array of shape (e,)
        The potential of each link.
    potentials : sequence of symmetric float arrays of shape (k, k), all above 0
        How many times as often as chance has it two linked examples are of a pair of classes.

    Returns
    -------
    Smoothed

    References
    ----------
    J. Pearl, "Probabilistic reasoning in intelligent systems", 1988;
    K. Murphy et al., "Loopy belief propagation for approximate inference", 1999 (damping);
    S. Macskassy and F. Provost, "Classification in networked data", 2007.
    """
    from scipy.sparse import csr_array

    n, k = probabilities.shape
    e = len(edges)
    result = np.array(probabilities, np.float64)
    if not e:
        return Smoothed(result, 0, True)
    own = np.log(np.maximum(result, RAREST))
    source, goal = np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]])
    back = np.roll(np.arange(2 * e), e)
    rows = [(np.flatnonzero(np.tile(which == kind, 2)), potential) for kind, potential in enumerate(potentials)]
    collect = csr_array((np.ones(2 * e), (goal, np.arange(2 * e))), shape=(n, 2 * e))
    messages = np.zeros((2 * e, k))
    passes, settled = 0, False
    while passes < MOST_PASSES and not settled:
        said = (own + collect @ messages)[source] - messages[back]
        said = np.exp(said - said.max(axis=1, keepdims=True))
        new = np.empty_like(messages)
        for of_kind, potential in rows:
            new[of_kind] = said[of_kind] @ potential
        np.log(new, out=new)
        new -= new.mean(axis=1, keepdims=True)
        settled = bool(np.abs(new - messages).max() < TOLERANCE)
        messages = new if passes < UNDAMPED else (new + messages) / 2
        passes += 1
    linked = np.unique(edges)
    belief = (own + collect @ messages)[linked]
    belief = np.exp(belief - belief.max(axis=1, keepdims=True))
    result[linked] = belief / belief.sum(axis=1, keepdims=True)
    return Smoothed(result, passes, settled)


def lift(joint: npt.NDArray[np.float64], prior: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how many times as often as chance has it classes are linked, where classes are as frequent as `prior`.

    The odds ratios of `joint` stay as they are; its rows are scaled until they sum to `prior`, so that linked
    examples of which nothing else is known are as often of each class as all others.

    Parameters
    ----------
    joint : symmetric float array of shape (k, k)
        Shares of the pairs of classes, all above 0.
    prior : float array of shape (k,)
        Shares of the classes, all above 0.

    Returns
    -------
    symmetric float array of shape (k, k)

    References
    ----------
    W. E. Deming and F. F. Stephan, "On a least squares adjustment of a sampled frequency table", 1940.
    """
    scale = np.ones(len(prior))
    for _ in range(BALANCING):
        goal = prior / (joint @ scale)
        settled = np.abs(np.log(goal / scale)).max() < 1e-12
        scale = np.sqrt(scale * goal)  # the root keeps it symmetric
        if settled:
            break
    return joint * np.outer(scale, scale) / np.outer(prior, prior)
