"""How well each domain is named by what was learnt on the others: plain values, which commands only show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.data.dataset import NOUNS, Dataset, Skipped


@dataclass(frozen=True)
class LeftOut:
    """One domain, named by what was learnt on all others.

    Parameters
    ----------
    domain : str
    n : int
        Its examples, of classes that the others have.
    accuracy : float
    accuracy_ci95 : (float, float)
    seen : float
        Accuracy on the same examples where others of the same domain were learnt from.
    cost : float
        How much less often they are named rightly for never having seen the domain.
    cost_ci95 : (float, float)
    head : str
        Which was chosen on the other domains.
    method : str or None
        How it was adapted to, where that was asked for.
    adapted : float or None
        Accuracy then; chosen without its labels.
    adapted_ci95 : (float, float) or None
    unknown : tuple of str
        Classes that no other domain has: their examples are left out.
    """

    domain: str
    n: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    seen: float
    cost: float
    cost_ci95: tuple[float, float]
    head: str
    method: str | None = None
    adapted: float | None = None
    adapted_ci95: tuple[float, float] | None = None
    unknown: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class Generalized:
    """How well each domain is named by what was learnt on the others.

    Parameters
    ----------
    domains : tuple of LeftOut
    dataset : Dataset
    backbone : str
    notes : tuple of str
    skipped : tuple of Skipped
    seed : int
    seconds : float
    """

    domains: tuple[LeftOut, ...]
    dataset: Dataset
    backbone: str
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    seed: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """Mean over the domains, each counting alike."""
        return float(np.mean([each.accuracy for each in self.domains]))

    @property
    def seen(self) -> float:
        """The same where each domain was learnt from."""
        return float(np.mean([each.seen for each in self.domains]))

    @property
    def adapted(self) -> float | None:
        """The same with adaptation; None where it was not asked for."""
        found = [each.adapted for each in self.domains if each.adapted is not None]
        return float(np.mean(found)) if found else None

    @property
    def worst(self) -> LeftOut:
        """The domain that is named worst."""
        return min(self.domains, key=lambda each: each.accuracy)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it says, for people."""
        said = [
            f"A domain never seen is named with accuracy {self.accuracy:.3f} on average, {self.worst.accuracy:.3f} at "
            f"worst ({self.worst.domain}); a random split of the same {NOUNS[self.dataset.modality][1]} would have "
            f"promised {self.seen:.3f}."
        ]
        if self.adapted is not None:
            said.append(f"Adapted to each domain without its labels: {self.adapted:.3f} on average.")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "accuracy": self.accuracy,
            "worst": {"domain": self.worst.domain, "accuracy": self.worst.accuracy},
            "seen": self.seen,
            "adapted": self.adapted,
            "domains": {each.domain: each.to_dict() for each in self.domains},
            "classes": list(self.dataset.class_names),
            "n": len(self.dataset),
            "backbone": self.backbone,
            "sentences": list(self.sentences),
            "notes": list(self.notes),
            "skipped": [{"name": each.name, "reason": each.reason} for each in self.skipped],
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }
