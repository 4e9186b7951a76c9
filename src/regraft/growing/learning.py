"""A class is added to a classifier from one or a few images, without the images it was fitted on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.classifier import Classifier
from regraft.data.dataset import Skipped
from regraft.errors import BundleError, DataError
from regraft.evidence.growing import TOLD_FROM, Grown, check_cost, grow
from regraft.evidence.memory import Memory
from regraft.features.engines import EngineName
from regraft.features.streaming import Progress
from regraft.growing.history import noted, recorded
from regraft.growing.names import learnable

COST = 0.005
"""Share of the other classes' images that may be taken for the new class: half a point, for chance adds to it.

Measured on held-out images, each class in turn the new one, six splits of flowers and two of hand signs: accuracy on
the old classes lost (points), and recall of the new class, from 1, 5 and 20 images of it.

  cost      flowers                                     signs
  0.005     0.57 0.48 0.45 lost, 0.32 0.56 0.68 found   0.53 0.39 0.37 lost, 0.40 0.69 0.85 found
  0.0075    0.71 0.58 0.56 lost, 0.34 0.59 0.71 found   0.76 0.68 0.73 lost, 0.46 0.77 0.89 found
  0.01      0.97 0.97 0.79 lost, 0.37 0.63 0.76 found   0.94 0.93 0.94 lost, 0.51 0.80 0.92 found
"""

ENOUGH, MORE = 0.8, 5
"""Below that share of its images recognised, it is said what so many times the cost would give."""

MOST = 200
"""Images of a class that can be learnt so; with more, a fit does better."""


@dataclass(frozen=True, eq=False)
class Learned:
    """A class that was learnt, and how well it is told from the others.

    Parameters
    ----------
    classifier : Classifier
        The one that knows it.
    name : str
    images : int
        Images that it was learnt from now.
    remembered : int
        All images that it has been learnt from.
    taken, compared : int
        How many of the remembered images of the other classes would now be taken for it, each left out in turn, of
        those that were named correctly; and how many there are.
    recognised : int or None
        How many of its remembered images are recognised when they are left out in turn; None for a single one.
    confused_with : str or None
        The class that most of the others are taken for; None where all are recognised, or it cannot be told.
    skipped : tuple of Skipped
        Images that could not be read.
    notes : tuple of str
        What the user should know.
    seconds : float
    """

    classifier: Classifier
    name: str
    images: int
    remembered: int
    taken: int
    compared: int
    recognised: int | None
    confused_with: str | None
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    seconds: float

    def sentences(self) -> list[str]:
        """Return what came of it, in words."""
        before = self.remembered - self.images
        beside = f", beside the {before:,} it was learnt from before" if before else ""
        images = f"{self.images:,} image{'s' * (self.images != 1)}"
        found = [f"Learnt {self.name!r} from {images}{beside}, in {self.seconds:.1f} s."]
        found.append(
            f"Of {self.compared:,} remembered images of the other classes, {self.taken:,} would now be lost to it."
        )
        if self.recognised is not None:
            found.append(
                f"Left out in turn, {self.recognised:,} of its {self.remembered:,} images are recognised"
                + (f"; most others are taken for {self.confused_with!r}." if self.confused_with else ".")
            )
        return [*found, *self.notes]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "class": self.name,
            "images": self.images,
            "remembered": self.remembered,
            "taken": self.taken,
            "compared": self.compared,
            "recognised": self.recognised,
            "confused_with": self.confused_with,
            "classes": list(self.classifier.classes),
            "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in self.skipped],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def learn(
    classifier: Classifier | str | Path,
    name: str,
    images: Any,
    *,
    cost: float = COST,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> Learned:
    """Add a class to a classifier from one or a few images, or images to a class that was added so.

    The head stays as it is. Beside it stand linear discriminants of the new class and of all remembered images; the
    new class gets what they give it, lowered so that the other classes lose no more than a share of their images.

    Parameters
    ----------
    classifier : Classifier or path
    name : str
        Of the class.
    images : path, bytes, array, or a list of them
        What shows it; a folder stands for all images below it.
    cost : float
        Share of the other classes' images that may be taken for it: more of it recognises more of the new class.
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
        Called with (images done, n).

    Returns
    -------
    Learned
        With the new classifier; the one that was given is as before.

    Raises
    ------
    UsageError
        If the name is empty or that of a class that was fitted, or the cost is no share.
    DataError
        If no image can be read, or there are too many of them.
    BundleError
        If the classifier remembers nothing.
    """
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    check_cost(cost)
    if not isinstance(classifier, Classifier):
        classifier = Classifier.load(classifier)
    name = learnable(classifier, name)
    memory = memory_of(classifier)
    features = classifier.features(images, engine=engine, progress=progress)
    if not len(features.index):
        bad = features.skipped[0] if features.skipped else None
        raise DataError(
            f"There must be at least one readable image of {name!r}, but there is none"
            + (f" ({bad.name}: {bad.reason})" if bad else "")
            + "; give images that can be opened."
        )
    classes = classifier.classes if name in classifier.classes else (*classifier.classes, name)
    label = classes.index(name)
    owners = memory.owners(features.values)
    longer = memory.learnt(features.values, label, classifier.score_fitted(features.values))
    remembered = int((longer.labels == label).sum())
    if remembered > MOST:
        raise DataError(
            f"A class can be learnt from {MOST} images at most, but {name!r} would have {remembered}; "
            "fit anew with them, which does better with so many."
        )
    costs = (
        {} if classifier.growth is None else dict(zip(classifier.learnt_classes, classifier.growth.costs, strict=True))
    )
    costs[name] = cost
    with threadpool_limits(limits=1):  # threads that wait for each other cost more than they do
        grown = grow(longer, list(costs.values()), classifier.familiarity)
    found = _found(grown, label, classes)
    added = len(longer) - len(memory)
    change = {"change": "learnt", "class": name, "images": added, "cost": cost, **found}
    info = recorded(classifier.info, change)
    new = replace(
        classifier,
        classes=classes,
        memory=longer,
        growth=grown.growth,
        info=info,
        card=noted(classifier.card, info, classes),
    )
    return Learned(
        classifier=new,
        name=name,
        images=added,
        remembered=remembered,
        skipped=features.skipped,
        notes=tuple(_notes(new, grown, owners, label, len(features.index) - added, cost)),
        seconds=time.perf_counter() - started,
        **found,
    )


def memory_of(classifier: Classifier) -> Memory:
    """Return what a classifier remembers.

    Raises
    ------
    BundleError
        If it remembers nothing.
    """
    if classifier.memory is None:
        raise BundleError(
            "A classifier must remember some of the images it was fitted on to learn a class, but this one does not: "
            "an older release saved it, its fit had no time left for that, or it was fitted on no images; fit anew."
        )
    return classifier.memory


def _found(grown: Grown, label: int, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return how often the class is confused, judged by remembered images that are left out in turn."""
    y, said = grown.memory.labels, grown.left_out.argmax(axis=1)
    without = grown.left_out.copy()
    without[:, label] = -1
    others = y != label
    own = (y == label) & grown.known
    missed = said[own & (said != label)]
    alone = not own.any()
    return {
        "taken": int((others & (without.argmax(axis=1) == y) & (said == label)).sum()),
        "compared": int(others.sum()),
        "recognised": None if alone else grown.recognised(label),
        "confused_with": classes[int(np.bincount(missed).argmax())] if len(missed) else None,
    }


def _notes(
    classifier: Classifier, grown: Grown, owners: list[int | None], label: int, doubled: int, cost: float
) -> Iterator[str]:
    name, labels = classifier.classes[label], grown.memory.labels
    if doubled:
        yield f"{doubled:,} of the images given are copies of others, or were learnt before, and count once."
    shared = sorted({classifier.classes[owner] for owner in owners if owner is not None and owner != label})
    if shared:
        yield f"Some of these images are remembered as {', '.join(map(repr, shared))}: one of the two is wrong."
    of_class = int((labels == label).sum())
    recognised, more = grown.recognised(label), MORE * cost
    if of_class == 1:
        yield "How well it is recognised cannot be told from one image; five or more tell, and do better."
    elif recognised < ENOUGH * of_class:
        hardly = "can hardly be told from the others" if recognised < of_class / 2 else "is not always recognised"
        better = f"{name!r} {hardly}: more images of it do better"
        at_more = grown.recognised(label, more) if more < 1 else recognised
        if at_more > recognised:
            better += f", and at a cost of {more:g} of the other classes' images {at_more:,} of {of_class:,} would be"
        yield f"{better}."
    if classifier.familiarity is not None and of_class < TOLD_FROM:
        yield f"What is unlike {name!r} is marked from {TOLD_FROM} images of it on."
    if not set(range(grown.growth.base)) <= set(labels.tolist()):
        yield "Of some of the other classes no image is remembered, and what they lose is not known."
