"""How far clusters agree with labels that they know nothing of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Agreement:
    """Clusters against the labels that the images have.

    Parameters
    ----------
    ari : float
        Adjusted Rand index: 1 where clusters and classes are the same division, 0 as by chance.
    nmi : float
        Normalised mutual information, 0 to 1: how much of the one the other tells. Many small clusters raise it even
        where they mean nothing.
    n : int
        Labelled images.
    classes : int

    References
    ----------
    L. Hubert and P. Arabie, "Comparing partitions", 1985.
    """

    ari: float
    nmi: float
    n: int
    classes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def agreement(assignment: npt.NDArray[np.integer], labels: Sequence[str | None] | None) -> Agreement | None:
    """Return how far clusters agree with labels; None where no image has one, or all have the same.

    Parameters
    ----------
    assignment : int array of shape (n,)
        The cluster of each image.
    labels : sequence of str or None, length n, or None
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    labelled = [i for i, label in enumerate(labels or ()) if label is not None]
    known = [labels[i] for i in labelled] if labels else []
    if len(set(known)) < 2:
        return None
    mine = assignment[labelled]
    ari, nmi = adjusted_rand_score(known, mine), normalized_mutual_info_score(known, mine)
    return Agreement(float(ari), float(nmi), len(known), len(set(known)))


def counts(labels: Sequence[str | None] | None, members: npt.NDArray[np.integer]) -> dict[str, int]:
    """Return how many members of a cluster have each label, the commonest first."""
    if labels is None:
        return {}
    found = Counter(label for i in members if (label := labels[int(i)]) is not None)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
