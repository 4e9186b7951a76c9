"""One episode: a head is chosen on the few labelled images alone, and names the tested ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from regraft.heads.label_propagation import LabelPropagation

PROPAGATION = "propagation"
"""Its name among the heads; joined to a head's by +, it is the mean of both."""

MIXED_FROM = 5
"""Labelled images a class from which, of equals, the mean of propagation and head comes first.

Mean accuracy of 20 episodes of propagation, head, and their mean: flowers with 2 labels a class 0.745, 0.652, 0.727,
with 5 0.782, 0.757, 0.787, with 20 0.845, 0.867, 0.874; signs with 2 0.840, 0.702, 0.807, with 5 0.903, 0.838, 0.893,
with 20 0.940, 0.942, 0.947; cats and dogs with 5 0.986, 0.977, 0.988, with 20 0.986, 0.990, 0.991.
"""

LEAST = 1e-3
"""Probability below which a mistake counts no more: shares of labels that never arrive are 0."""


@dataclass(frozen=True)
class Episode:
    """What one draw of a few labelled images came to.

    Parameters
    ----------
    alone, together : str
        The head that was chosen where each image is named on its own, and where all are named together; "" where the
        latter was not asked for.
    accuracy : dict of str to float
        Of the tested images, by every head that was tried.
    """

    alone: str
    together: str
    accuracy: dict[str, float]


def play(
    values: npt.NDArray[np.float32],
    views: Mapping[str, npt.NDArray[np.float32]],
    y: npt.NDArray[np.int64],
    support: npt.NDArray[np.int64],
    tested: npt.NDArray[np.int64],
    heads: Mapping[str, Mapping[str, Any]],
    graph: LabelPropagation | None,
    seed: int,
    groups: npt.NDArray[np.str_] | None = None,
) -> Episode:
    """Choose a head by leaving each labelled image out, and name the tested images.

    Parameters
    ----------
    values : array of shape (n, d)
        Features of all images.
    views : mapping of str to arrays of shape (n, d)
        Of their other views.
    y : int array of shape (n,)
        Class indices; those of the tested images only judge.
    support, tested : int arrays
        Which images have labels, and which are named.
    heads : mapping of str to settings
        Those to compare.
    graph : LabelPropagation or None
        Over all images; None where each image is named on its own.
    seed : int
    groups : array of shape (n,), optional
        Labelled images of one group are left out together.
    """
    from regraft.heads.few_examples import SOURCE, select_for_few
    from regraft.heads.selection import best_of

    given = {name: view[support] for name, view in views.items()}
    own = None if groups is None else groups[support]
    chosen = select_for_few(values[support], y[support], given, heads, seed, own).selection
    said = {chosen.name: chosen.head.predict_proba(values[tested])}
    if graph is None:
        return Episode(chosen.name, "", _accuracies(said, y[tested]))
    k = int(y.max()) + 1
    spread, left_out = graph.spread(support, y[support], k, own)
    both = f"{PROPAGATION}+{chosen.name}"
    left = chosen.held_out_index
    scale = _scale(left_out[left], y[support][left])
    judged = {PROPAGATION: _sure(left_out[left], scale), chosen.name: chosen.held_out_proba}
    said[PROPAGATION] = _sure(spread[tested], scale)
    said[both] = (said[PROPAGATION] + said[chosen.name]) / 2
    judged[both] = (judged[PROPAGATION] + judged[chosen.name]) / 2
    few = np.bincount(y[support]).min() < MIXED_FROM
    order = (PROPAGATION, both, chosen.name) if few else (both, PROPAGATION, chosen.name)
    if len(left):
        together = best_of({name: judged[name] for name in order}, y[support][left], LEAST)
    else:  # what the source knew of the classes is more than one label of each can teach
        together = chosen.name if chosen.name == SOURCE else PROPAGATION
    return Episode(chosen.name, together, _accuracies(said, y[tested]))


def _scale(shares: np.ndarray, y: np.ndarray) -> float:
    """Return how sure shares of labels are to be taken, by what they say of left-out images, if any."""
    from regraft.heads.temperature import fit_temperature

    return fit_temperature(np.log(np.maximum(shares, LEAST)), y)[0] if len(y) else 1.0


def _sure(shares: np.ndarray, scale: float) -> npt.NDArray[np.float64]:
    from regraft.heads.scoring import softmax

    return softmax(scale * np.log(np.maximum(shares, LEAST)))


def _accuracies(said: Mapping[str, np.ndarray], y: np.ndarray) -> dict[str, float]:
    return {name: float((proba.argmax(axis=1) == y).mean()) for name, proba in said.items()}
