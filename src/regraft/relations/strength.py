"""How much linked examples agree, type by type, learnt where their classes are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.intervals import wilson
from regraft.relations.links import Links

RESAMPLES = 500
COMPONENTS = 20
"""Separate groups of linked examples from which on whole groups are drawn anew for an interval, not examples."""

LOWEST, HIGHEST = 1e-3, 1 - 1e-3
"""Rates of agreement beyond which none is believed."""


@dataclass(frozen=True, eq=False)
class Strength:
    """How much examples that are linked in one way agree about their class.

    Parameters
    ----------
    kind : str
    links : int
    agreement : float
        Share of links, by weight, whose examples are of one class.
    ci95 : (float, float)
        Interval of `agreement`, in which links that share examples are not taken for independent.
    chance : float
        Share expected of as many links between examples drawn at random from those linked.
    joint : float array of shape (k, k)
        How often a class is linked with a class: symmetric, with the sum 1.
    weight : float
        Mean weight of a link.
    """

    kind: str
    links: int
    agreement: float
    ci95: tuple[float, float]
    chance: float
    joint: npt.NDArray[np.float64]
    weight: float

    @property
    def tells(self) -> bool:
        """Whether agreement differs from chance: its interval leaves chance out."""
        return not self.ci95[0] <= self.chance <= self.ci95[1]

    @property
    def assortativity(self) -> float:
        """From below 0 (linked examples differ) over 0 (chance) to 1 (they always agree); 0 where it does not tell."""
        return (self.agreement - self.chance) / (1 - self.chance) if self.tells and self.chance < 1 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "links": self.links,
            "agreement": self.agreement,
            "ci95": list(self.ci95),
            "chance": self.chance,
            "joint": self.joint.tolist(),
            "weight": self.weight,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Strength:
        """Return what `to_dict` was of."""
        low, high = map(float, values["ci95"])
        joint = np.array(values["joint"], np.float64)
        agreement, chance, weight = (float(values[name]) for name in ("agreement", "chance", "weight"))
        return cls(str(values["kind"]), int(values["links"]), agreement, (low, high), chance, joint, weight)

    def sentence(self) -> str:
        """Return what was found, for a person."""
        figures = (
            f"{self.agreement:.0%} of {self.links:,} links agree [{self.ci95[0]:.0%}, {self.ci95[1]:.0%}], "
            f"{self.chance:.0%} would by chance"
        )
        return f"{self.kind}: {figures}{'' if self.tells else '; that tells nothing, and they are not used'}"


def learn_strengths(links: Links, y: npt.NDArray[np.integer], k: int, seed: int = 0) -> tuple[Strength, ...]:
    """Return how much linked examples agree, for each type of link.

    Parameters
    ----------
    links : Links
    y : int array of shape (n,)
        True class indices.
    k : int
        Number of classes.
    seed : int
        Of the resamples that the intervals are from.

    Returns
    -------
    tuple of Strength
        In the order of `links.kind_names`; a type without a link is left out.

    References
    ----------
    M. E. J. Newman, "Mixing patterns in networks", 2003 (agreement against chance);
    A. B. Owen, "The pigeonhole bootstrap", 2007 (drawing examples, not links, anew);
    W. Gatterbauer et al., "Linearized and single-pass belief propagation", 2015 (one matrix for agreement, opposites
    and whatever lies between them).
    """
    rng = np.random.default_rng(seed)
    kinds = np.unique(links.kinds).tolist()
    return tuple(_strength(links.of_kind(kind), links.kind_names[kind], y, k, rng) for kind in kinds)


def _strength(links: Links, kind: str, y: npt.NDArray[np.integer], k: int, rng: np.random.Generator) -> Strength:
    ends = y[links.edges]
    counts = _mixing(ends, links.weights, k)
    agreement, chance = _agreement(counts), _chance(counts)
    nodes, unit, components = _units(links)
    # A group of q linked examples says q - 1 independent things, however many links it has.
    independent = (len(nodes) - components) * links.weights.sum() ** 2 / (len(links) * (links.weights**2).sum())
    independent = max(1, round(independent))
    low, high = wilson(round(agreement * independent), independent)
    drawn = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, unit.max() + 1, unit.max() + 1), minlength=int(unit.max()) + 1)
        of_link = times[unit[:, 0]] * np.where(unit[:, 0] == unit[:, 1], 1, times[unit[:, 1]])
        if of_link.any():
            again = _mixing(ends, links.weights * of_link, k)
            drawn.append(_agreement(again) - _chance(again) + chance)
    if drawn:
        below, above = np.quantile(drawn, [0.025, 0.975])
        low, high = min(low, max(0.0, float(below))), max(high, min(1.0, float(above)))
    joint = _joint(counts, agreement, chance, independent)
    return Strength(kind, len(links), agreement, (low, high), chance, joint, float(links.weights.mean()))


def _mixing(ends: np.ndarray, weights: np.ndarray, k: int) -> npt.NDArray[np.float64]:
    """Return how often, by weight, a class is linked with a class (k, k), each link seen from both its ends."""
    counts = np.bincount(ends[:, 0] * k + ends[:, 1], weights, k * k).reshape(k, k)
    return (counts + counts.T) / 2


def _agreement(counts: np.ndarray) -> float:
    return float(np.trace(counts) / counts.sum())


def _chance(counts: np.ndarray) -> float:
    shares = counts.sum(axis=0) / counts.sum()
    return float(shares @ shares)


def _units(links: Links) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the linked examples, what is drawn anew for each link's two ends (e, 2), and how many groups there are."""
    nodes, compact = np.unique(links.edges, return_inverse=True)
    compact = compact.reshape(-1, 2)
    group = components(compact, len(nodes))
    count = int(group.max()) + 1
    return nodes, group[compact] if count >= COMPONENTS else compact, count


def components(edges: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.intp]:
    """Return the number of the connected group that each of n examples is in (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    there = np.ones(len(edges), np.int8)
    return connected_components(coo_array((there, (edges[:, 0], edges[:, 1])), shape=(n, n)), directed=False)[1]


def _joint(counts: np.ndarray, agreement: float, chance: float, independent: int) -> npt.NDArray[np.float64]:
    """Return the shares of the pairs of classes, drawn towards agreement alone where links are few for k x k of them.

    Agreement alone: linked examples are `odds` times as likely of one class as chance has it, whichever class it is.
    """
    k = len(counts)
    shares = (counts.sum(axis=0) + 1 / k) / (counts.sum() + 1)
    # As if one link more had been seen that knows nothing: a few that all agree are no law.
    rate, expected = np.clip([(agreement * independent + chance) / (independent + 1), chance], LOWEST, HIGHEST)
    odds = rate / (1 - rate) * (1 - expected) / expected
    plain = np.outer(shares, shares) * np.where(np.eye(k, dtype=bool), odds, 1.0)
    trust = independent / (independent + k * k)
    return trust * counts / counts.sum() + (1 - trust) * plain / plain.sum()
