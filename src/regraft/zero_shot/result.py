"""What a zero-shot classifier knows of each class, how good it is where labels tell, and what it says of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.classifier import Classifier, Prediction
from regraft.data.dataset import Dataset, Skipped
from regraft.evaluation.intervals import wilson
from regraft.evaluation.metrics import Evaluation

NEAR = 0.55
"""Least cosine of a class with one of the source's at which there is something to go on.

Of 48 common words that ImageNet has classes for (cat, truck, fruit, ...), 43 are as near to one; of 42 that it has none
for (tulips, melanoma, happy, Katze, ...) two are: road and signature, which are like a street sign.
"""

SHOWN = 3


@dataclass(frozen=True)
class Grounds:
    """What the classifier has to go on for one class.

    Parameters
    ----------
    name : str
    kind : {"trained", "source class", "near", "far", "rest", "prompt"}
        Learnt from images; a class of the source task by name; like some of them in words; like none; all that the
        other classes are not; known to a model of images and texts.
    nearest : tuple of (str, float)
        The source's classes that are most like it, and the cosine of their embeddings, -1 to 1.
    """

    name: str
    kind: str
    nearest: tuple[tuple[str, float], ...] = ()

    @property
    def text(self) -> str:
        """What it is, in words."""
        listed = ", ".join(f"{name} {similarity:.2f}" for name, similarity in self.nearest)
        return {
            "trained": "learnt from images",
            "source class": f"a class of the source: {self.nearest[0][0] if self.nearest else ''}",
            "near": f"like {listed}",
            "far": f"like nothing in the source: {listed}",
            "rest": "all that the others are not",
            "prompt": "by its name",
        }[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        nearest = [{"class": name, "similarity": round(similarity, 4)} for name, similarity in self.nearest]
        return {"kind": self.kind, "nearest": nearest}


def overall(grounds: tuple[Grounds, ...]) -> str | None:
    """Return a sentence on classes that there is little to go on for; None where there are none."""
    told = [each for each in grounds if each.kind in ("source class", "near", "far")]
    far = [each.name for each in told if each.kind == "far"]
    if not far:
        return None
    listed = ", ".join(far[:5]) + (", ..." if len(far) > 5 else "")
    if len(far) == len(told):
        return (
            f"ConSE has little to go on: none of the described classes is like any of the source's ({listed}); expect "
            "little more than chance. Describe them in plain English (--descriptions), or take --clip, or label a few "
            "images."
        )
    some = "most classes are" if 2 * len(far) > len(told) else "some classes are"
    return (
        f"ConSE has little to go on for {len(far)} of {len(told)} classes ({listed}): {some} not in the source, and "
        "nothing in it is like them in words. Describe them (--descriptions), or label a few images of them."
    )


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """A classifier of described classes, and what is known of it.

    Parameters
    ----------
    classifier : Classifier
    grounds : tuple of Grounds, length k
        In the order of its classes.
    evaluation : Evaluation or None
        Where the images have labels.
    dataset : Dataset or None
        The labelled images that were evaluated.
    predictions : tuple of Prediction or None
        Where they have none.
    skipped : tuple of Skipped
    notes : tuple of str
    seconds : float
    """

    classifier: Classifier
    grounds: tuple[Grounds, ...]
    evaluation: Evaluation | None = None
    dataset: Dataset | None = None
    predictions: tuple[Prediction, ...] | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def per_class(self) -> dict[str, dict[str, Any]]:
        """Figures of each class: accuracy (the share of its images that are named so) with a 95% interval, ..."""
        if self.evaluation is None:
            return {}
        found = {}
        for position, (name, of) in enumerate(self.evaluation.per_class.items()):
            hits = int(self.evaluation.confusion[position, position])
            found[name] = {
                "n": of.support,
                "accuracy": of.recall,
                "accuracy_ci95": list(wilson(hits, of.support)) if of.support else None,
                "precision": of.precision,
                "f1": of.f1,
            }
        return found

    @property
    def generalized(self) -> dict[str, float | None] | None:
        """Mean accuracy over the trained classes, over the described ones, and their harmonic mean.

        None where no class is trained, or without labels. Classes without images do not count.

        References
        ----------
        Xian et al., Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad and the Ugly, 2017.
        """
        trained = {each.name for each in self.grounds if each.kind == "trained"}
        if self.evaluation is None or not trained:
            return None
        seen, described = (
            [
                of["accuracy"]
                for name, of in self.per_class.items()
                if (name in trained) == wanted and of["accuracy"] is not None
            ]
            for wanted in (True, False)
        )
        a, b = (float(np.mean(each)) if each else None for each in (seen, described))
        harmonic = None if a is None or b is None else 2 * a * b / (a + b) if a + b else 0.0
        return {"trained": a, "described": b, "harmonic_mean": harmonic}

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return plain values for JSON, with the `top` most probable classes of each image."""
        values: dict[str, Any] = {"classes": {each.name: each.to_dict() for each in self.grounds}}
        if self.evaluation is not None:
            figures = self.evaluation.to_dict()
            names = ("n", "accuracy", "accuracy_ci95", "balanced_accuracy", "macro_f1", "log_loss", "confusion")
            values |= {name: figures[name] for name in names}
            values["per_class"] = self.per_class
            if self.generalized is not None:
                values["generalized"] = self.generalized
        if self.predictions is not None:
            values["predictions"] = [prediction.to_dict(top) for prediction in self.predictions]
        return {
            **values,
            "skipped": [{"name": s.name, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 4),
        }
