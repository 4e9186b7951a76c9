"""A class is taken away from a classifier, with all that it keeps of that class."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regraft.classifier import Classifier
from regraft.errors import DataError, UsageError
from regraft.evaluation.calibration import Calibration
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.growing import grow, said_of, sets_of
from regraft.evidence.memory import Memory
from regraft.growing.history import noted, recorded
from regraft.growing.names import position_of
from regraft.heads.shrinking import shrunk


@dataclass(frozen=True, eq=False)
class Forgotten:
    """A class that was forgotten.

    Parameters
    ----------
    classifier : Classifier
        The one without it.
    name : str
    images : int
        Images of it whose features were remembered, and are no more.
    notes : tuple of str
        What the user should know.
    seconds : float
    """

    classifier: Classifier
    name: str
    images: int
    notes: tuple[str, ...]
    seconds: float

    def sentences(self) -> list[str]:
        """Return what came of it, in words."""
        left = len(self.classifier.classes)
        return [
            f"Forgot {self.name!r}, and the features of {self.images:,} images; {left} classes are left.",
            *self.notes,
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "class": self.name,
            "images": self.images,
            "classes": list(self.classifier.classes),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def forget(classifier: Classifier | str | Path, name: str) -> Forgotten:
    """Take a class away from a classifier, with its weights, its remembered images and its calibration.

    A class that was learnt after the fit goes without a trace: what is left is what there was without it. Of one that
    the head was fitted on, the others keep what they learnt beside it, to be told from it.

    Parameters
    ----------
    classifier : Classifier or path
    name : str

    Returns
    -------
    Forgotten
        With the new classifier; the one that was given is as before.

    Raises
    ------
    UsageError
        If there is no such class, or too few would be left.
    """
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    if not isinstance(classifier, Classifier):
        classifier = Classifier.load(classifier)
    label = position_of(classifier, name)
    if len(classifier.classes) < 3:
        raise UsageError(f"Two classes or more must be left, but there are only {', '.join(classifier.classes)}.")
    fitted = label < len(classifier.fitted_classes)
    if fitted and len(classifier.fitted_classes) < 2:
        raise UsageError(
            f"One class that was fitted must be left, but {name!r} is the last of them; fit anew without it."
        )
    memory = classifier.memory
    images = 0 if memory is None else int((memory.labels == label).sum())
    fewer = _without(classifier, label)
    with threadpool_limits(limits=1):  # threads that wait for each other cost more than they do
        refitted, notes = _refitted(fewer) if fitted else (fewer, [])
        regrown = _regrown(refitted, classifier, name)
    info = recorded(classifier.info, {"change": "forgot", "class": name, "images": images})
    new = replace(regrown, info=info, card=noted(classifier.card, info, regrown.classes))
    return Forgotten(new, name, images, tuple(notes), time.perf_counter() - started)


def _without(classifier: Classifier, label: int) -> Classifier:
    """Return a classifier whose classes, head, calibration and memory lack a class; nothing else has changed."""
    memory = None if classifier.memory is None else classifier.memory.forgotten(label)
    classes = tuple(name for position, name in enumerate(classifier.classes) if position != label)
    smaller = replace(classifier, classes=classes, memory=memory)
    if label >= len(classifier.fitted_classes):
        return smaller
    tensors, settings = shrunk(classifier.head, classifier.tensors, classifier.settings, label)
    calibration = _fewer_curves(classifier.calibration, label)
    return replace(smaller, tensors=tensors, settings=settings, calibration=calibration)


def _fewer_curves(calibration: Calibration, label: int) -> Calibration:
    curves = tuple(curve for position, curve in enumerate(calibration.curves) if position != label)
    return replace(calibration, curves=curves)


def _refitted(classifier: Classifier) -> tuple[Classifier, list[str]]:
    """Return a classifier that tells the plausible and the unfamiliar by the images that it still remembers."""
    kept = None if classifier.memory is None else _of_head(classifier.memory)
    conformal = familiarity = None
    notes = []
    if kept is not None and len(kept):
        said = said_of(kept.said)
        conformal = sets_of(said, kept.labels)
        try:
            familiarity = OutOfDistribution.fit(kept.features, said, widths=kept.widths)
        except DataError:
            familiarity = None
    if classifier.conformal is not None and conformal is None:
        notes.append("It no longer gives sets of plausible classes: too few images are remembered.")
    if classifier.familiarity is not None and familiarity is None:
        notes.append("It no longer marks what is unlike all that was learnt from: too few images are remembered.")
    if conformal is not None and kept is not None:
        notes.append(f"Its sets and its marks of the unfamiliar now rest on {len(kept):,} remembered images.")
    return replace(classifier, conformal=conformal, familiarity=familiarity), notes


def _of_head(memory: Memory) -> Memory:
    kept = memory.labels < memory.said.shape[1]
    return replace(memory, rows=memory.rows[kept], labels=memory.labels[kept], said=memory.said[kept])


def _regrown(smaller: Classifier, before: Classifier, name: str) -> Classifier:
    """Return a classifier whose other learnt classes were learnt anew, as if the forgotten one had never been."""
    if before.growth is None or smaller.memory is None:
        return smaller
    costs = [c for n, c in zip(before.learnt_classes, before.growth.costs, strict=True) if n != name]
    if not costs:
        return replace(smaller, growth=None)
    return replace(smaller, growth=grow(smaller.memory, costs, smaller.familiarity).growth)
