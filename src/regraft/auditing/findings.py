"""What an audit finds, as plain values, and what a person must hear of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from regraft.data.dataset import NOUNS, Skipped

Kind = Literal["exact", "near"]


@dataclass(frozen=True)
class Group:
    """Images that are copies of one another.

    Parameters
    ----------
    kind : {"exact", "near"}
        All have the same bytes; or some were saved anew, in another size or quality.
    positions : tuple of int, length m
        In the dataset.
    names, labels : tuple of str, length m
    """

    kind: Kind
    positions: tuple[int, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def contradicts(self) -> bool:
        """Whether the copies have different labels."""
        return len(set(self.labels)) > 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "images": list(self.names),
            "labels": list(self.labels),
            "positions": list(self.positions),
            "contradicts": self.contradicts,
        }


@dataclass(frozen=True)
class Leak:
    """An image to evaluate on that is also learnt from.

    Parameters
    ----------
    kind : {"exact", "near"}
        Whether the two have the same bytes.
    part : {"val", "test"}
        Which part it leaks into.
    position, copy : int
        Of the evaluated image, and of its copy in the training part.
    name, copy_name, label, copy_label : str
    """

    kind: Kind
    part: str
    position: int
    copy: int
    name: str
    copy_name: str
    label: str
    copy_label: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "part": self.part,
            "image": self.name,
            "train_image": self.copy_name,
            "label": self.label,
            "train_label": self.copy_label,
            "position": self.position,
            "train_position": self.copy,
        }


@dataclass(frozen=True)
class Suspect:
    """An image whose label may be wrong, by a classifier that had not seen it.

    Parameters
    ----------
    position : int
    name, label : str
    suggested : str
        The class it looks like.
    probability, own : float
        Given to that class and to its label.
    likely : bool
        Whether confident learning counts it among the errors; the others are named wrongly with less confidence.
    """

    position: int
    name: str
    label: str
    suggested: str
    probability: float
    own: float
    likely: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "image": self.name,
            "label": self.label,
            "suggested": self.suggested,
            "probability": self.probability,
            "label_probability": self.own,
            "likely": self.likely,
            "position": self.position,
        }


@dataclass(frozen=True)
class Cue:
    """How far something beside the subject gives the classes away.

    Parameters
    ----------
    name : str
        Such as "border" or "file size".
    accuracy : float
        Of a small classifier that knows nothing else, on images it has not seen.
    ci95 : (float, float)
    guess : float
        Share of the commonest class.
    gives_away : dict of str to float
        Classes of which it names a good share almost without a mistake, and that share.
    found : bool
        Whether that is a shortcut.
    """

    name: str
    accuracy: float
    ci95: tuple[float, float]
    guess: float
    gives_away: dict[str, float]
    found: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "ci95": list(self.ci95)}


@dataclass(frozen=True)
class Order:
    """Whether neighbouring examples are related.

    Parameters
    ----------
    random, blocks : float or None
        Accuracy of a linear probe on folds drawn at random, and on folds of consecutive examples; None where that
        cannot be measured.
    random_ci95, blocks_ci95 : (float, float) or None
    gap : float or None
        How much better the probe looks on random folds.
    gap_ci95 : (float, float) or None
    related : bool
        Whether the gap is worth a warning.
    n : int
        Images it was measured on.
    reason : str or None
        Why it could not be measured.
    """

    random: float | None = None
    random_ci95: tuple[float, float] | None = None
    blocks: float | None = None
    blocks_ci95: tuple[float, float] | None = None
    gap: float | None = None
    gap_ci95: tuple[float, float] | None = None
    related: bool = False
    n: int = 0
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Classes:
    """How many images each class has, in all and in the parts.

    Parameters
    ----------
    counts : dict of str to int
    parts : dict of str to int
        Images of each part that is there.
    ratio : float or None
        The largest class over the smallest; None where there is only one.
    tiny : tuple of str
        Classes of fewer than 5 images.
    missing : dict of str to tuple of str
        Parts that lack classes, and which.
    """

    counts: dict[str, int]
    parts: dict[str, int]
    ratio: float | None
    tiny: tuple[str, ...]
    missing: dict[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **asdict(self),
            "tiny": list(self.tiny),
            "missing": {part: list(names) for part, names in self.missing.items()},
        }


@dataclass(frozen=True)
class Audit:
    """What is wrong with labelled images.

    Parameters
    ----------
    n : int
        Readable images.
    duplicates : tuple of Group
    leaks : tuple of Leak
    label_errors : tuple of Suspect
        The least credible label first.
    unreadable : tuple of Skipped
    shortcuts : tuple of Cue
        All that were tried; those with `found` are shortcuts.
    order : Order
    classes : Classes
    seconds : float
    notes : tuple of str
        What was not looked at and why, and figures that are no fault.
    modality : {"image", "text", "audio"}
    """

    n: int
    duplicates: tuple[Group, ...]
    leaks: tuple[Leak, ...]
    label_errors: tuple[Suspect, ...]
    unreadable: tuple[Skipped, ...]
    shortcuts: tuple[Cue, ...]
    order: Order
    classes: Classes
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    modality: str = "image"

    @property
    def thing(self) -> str:
        """What people call one of them: image, text or recording."""
        return NOUNS[self.modality][0]

    @property
    def things(self) -> str:
        """What people call them."""
        return NOUNS[self.modality][1]

    @property
    def likely_errors(self) -> tuple[Suspect, ...]:
        """The suspects that count as errors: their number estimates how many labels are wrong."""
        return tuple(suspect for suspect in self.label_errors if suspect.likely)

    @property
    def superfluous(self) -> int:
        """How many images are copies of others."""
        return sum(len(group.positions) - 1 for group in self.duplicates)

    def sentences(self) -> list[str]:
        """Return what a person must hear, most serious first; nothing for sound data."""
        from regraft.auditing.wording import sentences

        return sentences(self)

    def timed(self, seconds: float) -> Audit:
        """Return the same findings with the time that they took."""
        return replace(self, seconds=seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `shortcuts` has those that were found."""
        return {
            "n": self.n,
            "duplicates": [group.to_dict() for group in self.duplicates],
            "leaks": [leak.to_dict() for leak in self.leaks],
            "label_errors": [suspect.to_dict() for suspect in self.label_errors],
            "unreadable": [{"image": skipped.name, "reason": skipped.reason} for skipped in self.unreadable],
            "shortcuts": [cue.to_dict() for cue in self.shortcuts if cue.found],
            "order": self.order.to_dict(),
            "classes": self.classes.to_dict(),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }
