"""What an adaptation came to: plain values, which commands and reports only show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.adaptation import SOURCE_ONLY
from regraft.classifier import Classifier
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.target import Target
from regraft.evaluation.metrics import Evaluation

if TYPE_CHECKING:
    from regraft.adaptation.difference import DomainDifference
    from regraft.adaptation.selection import Choice, Scores
    from regraft.adaptation.shift import Shift
    from regraft.relations.relational import Relations


@dataclass(frozen=True)
class Attempted:
    """One method, what was known of it without the target's labels, and how good it was.

    Parameters
    ----------
    name, summary : str
    scores : Scores
        By which it could be chosen.
    accuracy : float or None
        On the target's labels, which nothing was chosen by; None where there are none.
    accuracy_ci95 : (float, float) or None
    gain : float or None
        Over source-only on the same examples.
    gain_ci95 : (float, float) or None
    seconds : float
    settings : dict
        What the method chose for itself.
    """

    name: str
    summary: str
    scores: Scores
    accuracy: float | None
    accuracy_ci95: tuple[float, float] | None
    gain: float | None
    gain_ci95: tuple[float, float] | None
    seconds: float
    settings: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "method": self.name,
            "accuracy": self.accuracy,
            "accuracy_ci95": None if self.accuracy_ci95 is None else list(self.accuracy_ci95),
            "gain": self.gain,
            "gain_ci95": None if self.gain_ci95 is None else list(self.gain_ci95),
            "scores": self.scores.to_dict(),
            "seconds": round(self.seconds, 3),
            "settings": self.settings,
        }


@dataclass(frozen=True, eq=False)
class Related:
    """What links between examples gave.

    Parameters
    ----------
    relations : Relations
        Learnt on the source.
    notes : tuple of str
    probabilities : float array of shape (m, k)
        Of the target, smoothed over its links.
    accuracy, accuracy_without : float or None
        On the target's labels.
    gain_ci95 : (float, float) or None
        Of the difference.
    """

    relations: Relations
    notes: tuple[str, ...]
    probabilities: np.ndarray
    accuracy: float | None
    accuracy_without: float | None
    gain_ci95: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "accuracy": self.accuracy,
            "accuracy_without": self.accuracy_without,
            "gain_ci95": None if self.gain_ci95 is None else list(self.gain_ci95),
            "notes": list(self.notes),
            "relations": self.relations.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Adapted:
    """A classifier for the target, and the evidence for and against having adapted it.

    Parameters
    ----------
    classifier : Classifier
        Of the chosen method.
    choice : Choice
        Which it is, by which rule, and whether it fell back to source-only.
    attempts : tuple of Attempted
        Source-only first.
    evaluation, source_only : Evaluation or None
        Of the chosen method and of source-only, on the target's labels; None where there are none.
    oracle : str or None
        The method that those labels would have chosen: nothing was chosen by them.
    difference : DomainDifference
    shift : Shift
        Whether classes have moved, or are in other proportions.
    places : float array of shape (n, 2)
        A map of some examples of both domains.
    place_domains : tuple of str, length n
        The domain of each: "target", and "source" or the names of several sources.
    place_classes : int array of shape (n,)
        The class of each: the source's label, and what the target's was named.
    related : Related or None
        Where links were given.
    probabilities : float array of shape (m, k)
        Of the target's examples, by the chosen method.
    source : Dataset
    target : Target
    known : int array of shape (q,)
        Positions of the target's examples whose labels were learnt from.
    measured : int array
        Positions of those that were measured on.
    warnings, notes : tuple of str
    skipped : tuple of Skipped
    backbone : str
    seed : int
    seconds : float
    """

    classifier: Classifier
    choice: Choice
    attempts: tuple[Attempted, ...]
    evaluation: Evaluation | None
    source_only: Evaluation | None
    oracle: str | None
    difference: DomainDifference
    shift: Shift
    places: np.ndarray
    place_domains: tuple[str, ...]
    place_classes: np.ndarray
    related: Related | None
    probabilities: np.ndarray
    source: Dataset
    target: Target
    known: np.ndarray
    measured: np.ndarray
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    backbone: str
    seed: int
    seconds: float

    @property
    def method(self) -> str:
        """The chosen method's name."""
        return self.choice.name

    @property
    def chosen(self) -> Attempted:
        """The chosen method's figures."""
        return self.of(self.choice.name)

    def of(self, name: str) -> Attempted:
        """Return the figures of a method."""
        return next(each for each in self.attempts if each.name == name)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What came of it, for people."""
        said = [self.choice.sentence]
        if self.evaluation is None or self.source_only is None or self.oracle is None:
            return (*said, "The target has no labels to measure on: how good it is there is not known.")
        oracle = self.of(self.oracle)
        things = NOUNS[self.target.modality][1]
        said.append(
            f"On {len(self.measured):,} labelled {things} of the target, which nothing was chosen by: source-only "
            f"{self.source_only.accuracy:.3f}{self._kept}."
        )
        gap = (oracle.accuracy or 0) - self.evaluation.accuracy
        said.append(
            f"With these labels one would have chosen {self.oracle} ({oracle.accuracy:.3f}): not having them costs "
            f"{100 * gap:.1f} points."
            if gap > 0
            else "With these labels one would have chosen the same."
        )
        return tuple(said)

    @property
    def _kept(self) -> str:
        """The figures of the method that is kept, where it is another than source-only."""
        if self.evaluation is None or self.method == SOURCE_ONLY:
            return ""
        gained = _gained(self.chosen.gain, self.chosen.gain_ci95)
        return f", {self.method} {self.evaluation.accuracy:.3f}{gained}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        chosen = self.chosen
        return {
            "source_only": None if self.source_only is None else self.source_only.accuracy,
            "source_only_ci95": None if self.source_only is None else list(self.source_only.accuracy_ci95),
            "chosen": None if self.evaluation is None else self.evaluation.accuracy,
            "chosen_ci95": None if self.evaluation is None else list(self.evaluation.accuracy_ci95),
            "gain": chosen.gain,
            "gain_ci95": None if chosen.gain_ci95 is None else list(chosen.gain_ci95),
            "method": self.method,
            "oracle": None if self.oracle is None else self.of(self.oracle).accuracy,
            "oracle_method": self.oracle,
            "fell_back": self.choice.fell_back,
            "rule": self.choice.rule,
            "why": self.choice.sentence,
            "methods": [each.to_dict() for each in self.attempts],
            "difference": self.difference.to_dict(),
            "shift": self.shift.to_dict(),
            "links": None if self.related is None else self.related.to_dict(),
            "classes": list(self.classifier.classes),
            "source": {"name": self.source.name, "n": len(self.source), "domains": self.source_domains},
            "target": {
                "name": self.target.name,
                "n": len(self.target),
                "labelled": int(np.sum(self.target.y >= 0)),
                "learnt_from": len(self.known),
                "measured": len(self.measured),
            },
            "backbone": self.backbone,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "skipped": [{"name": each.name, "reason": each.reason} for each in self.skipped],
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }

    @property
    def source_domains(self) -> list[str]:
        """The source's domains; empty where nothing is said of them."""
        return [] if self.source.domain is None else sorted(set(self.source.domain.tolist()))


def _gained(gain: float | None, interval: tuple[float, float] | None) -> str:
    if gain is None or interval is None:
        return ""
    low, high = (100 * bound for bound in interval)
    return f" ({100 * gain:+.1f} points, 95% interval {low:+.1f} to {high:+.1f})"
