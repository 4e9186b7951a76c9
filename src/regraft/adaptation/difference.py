"""How different two domains are, in numbers and in a sentence that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.adaptation.class_drift import ClassDrift, class_drift
from regraft.adaptation.maximum_mean_discrepancy import Discrepancy, maximum_mean_discrepancy
from regraft.adaptation.proxy_distance import ProxyDistance, proxy_distance

ALPHA = 0.05
"""p-value from which on a difference is taken for chance."""

SHIFT = 0.1
"""Share of a domain by which a class must be more or less frequent to be named."""

DRIFT, MOST_NAMED = 0.3, 2
"""Spreads that a class's mean must have moved to be named, and how many classes are."""


@dataclass(frozen=True)
class DomainDifference:
    """How different two domains are.

    Parameters
    ----------
    proxy : ProxyDistance
    discrepancy : Discrepancy
    classes : tuple of ClassDrift
    n_source, n_target : int
        Examples of the domains.
    """

    proxy: ProxyDistance
    discrepancy: Discrepancy
    classes: tuple[ClassDrift, ...]
    n_source: int
    n_target: int

    @property
    def is_different(self) -> bool:
        """Whether the domains differ by more than chance explains, by either of two tests (Bonferroni)."""
        return self.discrepancy.p_value < ALPHA / 2 or self.proxy.accuracy_ci95[0] > 0.5

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "proxy_a_distance": self.proxy.to_dict(),
            "mmd": self.discrepancy.to_dict(),
            "classes": [each.to_dict() for each in self.classes],
            "n_source": self.n_source,
            "n_target": self.n_target,
            "different": self.is_different,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Return how different the domains are, for a person."""
        low, high = self.proxy.accuracy_ci95
        said = [
            f"a classifier tells source from target {self.proxy.accuracy:.0%} of the time [{low:.0%}, {high:.0%}], "
            f"where 50% is chance (proxy A-distance {self.proxy.distance:.2f} of 2)"
        ]
        p = self.discrepancy.p_value
        verdict = "more than chance explains"
        if p >= ALPHA / 2:
            verdict = f"no {verdict}{', as far as this coarser test sees' if self.is_different else ''}"
        said.append(f"their distributions differ by {verdict} (MMD² {self.discrepancy.mmd2:.2g}, p = {p:.2g})")
        said += [words for words in (self._drifted(), self._shifted()) if words]
        return "; ".join(said)

    def _drifted(self) -> str:
        if not self.is_different:
            return ""
        moved = sorted(
            (each for each in self.classes if each.drift is not None and each.drift >= DRIFT),
            key=lambda each: -(each.drift or 0.0),
        )
        if not moved:
            return ""
        names, spreads = (
            " and ".join(words)
            for words in zip(*((each.name, f"{each.drift:.1f}") for each in moved[:MOST_NAMED]), strict=True)
        )
        return (
            f"{names} {'has' if len(moved) == 1 else 'have'} moved most, by {spreads} times the spread of a class in "
            f"the source"
        )

    def _shifted(self) -> str:
        gone = [each.name for each in self.classes if each.source_count and not each.target_count]
        worst = max(self.classes, key=lambda each: abs(each.target_share - each.source_share), default=None)
        words = []
        if gone:
            more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
            words.append(f"the target has no {', '.join(gone[:3])}{more}")
        if worst is not None and abs(worst.target_share - worst.source_share) >= SHIFT:
            words.append(
                f"{worst.name} is {worst.source_share:.0%} of the source and {worst.target_share:.0%} of the target"
            )
        return "; ".join(words)


def domain_difference(
    source: npt.ArrayLike,
    target: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    target_y: npt.ArrayLike | None = None,
    class_names: Sequence[str] = (),
    seed: int = 0,
) -> DomainDifference:
    """Return how different two domains are.

    Parameters
    ----------
    source : array of shape (n, d)
        Features.
    target : array of shape (m, d)
    y : int array of shape (n,), optional
        The source's class indices; without them nothing is said of classes.
    target_y : int array of shape (m,), optional
        The target's, true or predicted; -1 for an example of none of these classes.
    class_names : sequence of str of length k
    seed : int

    Returns
    -------
    DomainDifference

    Raises
    ------
    DataError
        If shapes do not fit each other, or a domain has fewer than 5 examples.
    """
    proxy = proxy_distance(source, target, seed)
    discrepancy = maximum_mean_discrepancy(source, target, seed)
    classes: tuple[ClassDrift, ...] = ()
    if y is not None and target_y is not None:
        classes = class_drift(source, y, target, target_y, class_names)
    return DomainDifference(proxy, discrepancy, classes, len(np.asarray(source)), len(np.asarray(target)))
