"""Images divided into clusters: what was found, with what evidence, in plain values and in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Skipped
from regraft.exploration.agreement import Agreement, counts
from regraft.exploration.images import Images
from regraft.exploration.number import Tried, as_good

UNSURE = 0.75
"""Stability (ARI) below which the division is said to hang on the images drawn. Cats and dogs have 0.99, solar cells
1.00, flowers in four 0.85; hot dogs 0.75, and columns of flowers' features shuffled, which have no clusters, 0.3 to
0.8."""


PICTURES = {"image": "pictures", "text": "texts", "audio": "recordings"}
"""What the page shows of each cluster."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Images divided by their features alone.

    Parameters
    ----------
    images : Images
        The readable ones; all arrays here are in their order.
    assignment : int array of shape (n,)
        The cluster of each image, counted from 1, the largest first.
    closeness : float array of shape (n,)
        Cosine between an image and the centre of its cluster.
    margin : float array of shape (n,)
        By how much that exceeds the cosine to the nearest other centre; small or below 0 at a cluster's edge.
    places : float array of shape (n, 2)
        Where each image lies on the map, 0 to 1; not a number where it is not drawn.
    map_method : str
        "tsne", "umap" or "pca".
    asked : int or None
        The number of clusters asked for; None where it was chosen.
    tried : tuple of Tried
        The evidence for each number, where it was chosen.
    agreement : Agreement or None
        With the labels, where there are any.
    backbone : str
        What computed the features.
    skipped : tuple of Skipped
        What could not be read.
    notes : tuple of str
    seconds : float
    """

    images: Images
    assignment: npt.NDArray[np.int64]
    closeness: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    places: npt.NDArray[np.float32]
    map_method: str
    asked: int | None
    tried: tuple[Tried, ...]
    agreement: Agreement | None
    backbone: str
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.assignment)

    @cached_property
    def k(self) -> int:
        """How many clusters there are."""
        return int(self.assignment.max())

    @cached_property
    def chosen(self) -> Tried | None:
        """The evidence for this number, where it was chosen."""
        return next((each for each in self.tried if each.clusters == self.k), None)

    @cached_property
    def as_good(self) -> tuple[int, ...]:
        """Other numbers that are as well founded."""
        return as_good(self.tried, self.k)

    def members(self, cluster: int) -> npt.NDArray[np.intp]:
        """Return the positions of a cluster's images, the most central first."""
        inside = np.flatnonzero(self.assignment == cluster)
        return inside[np.argsort(-self.closeness[inside], kind="stable")]

    def sentences(self) -> list[str]:
        """Return what was found, a sentence each."""
        found = [self._division(), *self._reason(), *self._doubts(), *self._agreeing()]
        if self.skipped:
            first = self.skipped[0]
            found.append(
                f"{len(self.skipped):,} of {self.images.count(len(self) + len(self.skipped))} cannot be read and are "
                f"left out, such as {first.name} ({first.reason})."
            )
        return found

    def _division(self) -> str:
        n = f"{self.images.count(len(self))} lie{'s' if len(self) == 1 else ''}"
        clusters = f"{self.k} cluster" + "s" * (self.k != 1)
        if self.asked is None and not self.chosen:
            return f"{n} in one cluster: they all look alike to the network."
        if self.asked is not None and self.k < self.asked:
            return f"{n} in {clusters}, not {self.asked:,}: no more of them differ."
        return f"{n} in {clusters}{'' if self.asked is None else ', as asked for'}."

    def _reason(self) -> list[str]:
        if not self.chosen:
            return []
        return [
            f"Of the {len(self.tried)} numbers tried, {self.k} has the best product of silhouette "
            f"({self.chosen.silhouette:.2f}) and stability ({self.chosen.stability:.2f})."
        ]

    def _doubts(self) -> list[str]:
        doubts = []
        if self.as_good:
            others = ", ".join(map(str, self.as_good[:-1])) + " or " * (len(self.as_good) > 1) + str(self.as_good[-1])
            doubts.append(
                f"The number is not clear-cut: {others} would be nearly as good; look at the "
                f"{PICTURES[self.images.modality]} of each."
            )
        if self.chosen and self.chosen.stability < UNSURE:
            doubts.append(
                f"The division is unsure: clusters found in half of the {self.images.things} agree with it only so far "
                f"(ARI {self.chosen.stability:.2f}, where 1 is the same division and 0 chance)."
            )
        return doubts

    def _agreeing(self) -> list[str]:
        if self.agreement is None:
            return []
        same, few = self.agreement, self.k < self.agreement.classes
        how = "closely" if same.ari >= 0.8 else "in part" if same.ari >= 0.2 else "hardly"
        sentence = (
            f"With the {same.classes} classes of {same.n:,} labels, which took no part, they agree {how}: ARI "
            f"{same.ari:.2f} (1: the same division, 0: chance), NMI {same.nmi:.2f}."
        )
        return [sentence + (" There are fewer clusters than classes, so some must share one." if few else "")]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; images are in their order, clusters count from 1."""
        return {
            "n": len(self),
            "clusters": self.k,
            "chosen_by": "auto" if self.asked is None else "user",
            "as_good": list(self.as_good),
            "evidence": [each.to_dict() for each in self.tried],
            "agreement": None if self.agreement is None else self.agreement.to_dict(),
            "groups": [self._group(cluster) for cluster in range(1, self.k + 1)],
            "map": self.map_method,
            "images": [self._image(position) for position in range(len(self))],
            "backbone": self.backbone,
            "sentences": self.sentences(),
            "skipped": [{"image": each.name, "reason": each.reason} for each in self.skipped],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }

    def _group(self, cluster: int) -> dict[str, Any]:
        members = self.members(cluster)
        return {
            "cluster": cluster,
            "size": len(members),
            "classes": counts(self.images.labels, members),
            "central": [self.images.names[i] for i in members[:5]],
        }

    def _image(self, position: int) -> dict[str, Any]:
        drawn = bool(np.isfinite(self.places[position]).all())
        x, y = (round(float(value), 5) for value in self.places[position]) if drawn else (None, None)
        labels = self.images.labels
        return {
            "image": self.images.names[position],
            "cluster": int(self.assignment[position]),
            "closeness": round(float(self.closeness[position]), 4),
            "x": x,
            "y": y,
            "label": None if labels is None else labels[position],
        }
