"""Which images to label next: those that stand for many others of which the classifier is unsure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.classifier import Classifier
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.sources import read_source
from regraft.errors import UsageError
from regraft.exploration.picking import Picked, pick
from regraft.exploration.pool import Pool
from regraft.features.engines import EngineName
from regraft.features.streaming import Progress

IN_DOUBT = 0.5
"""Below this margin a pick is said to be in doubt."""


@dataclass(frozen=True)
class Suggestion:
    """An image to label, and why.

    Parameters
    ----------
    name : str
        What the user calls it.
    score : float
        Share of all doubt about the images that it takes over from those already labelled or picked, 0 to 1.
    margin : float
        Probability of the likeliest class less that of the second, 0 to 1.
    rivals : (str, str)
        Those two classes.
    probabilities : (float, float)
        Of those two.
    distance : float
        From the nearest image that is labelled or picked before it: 1 less the cosine of the centred features.
        None where there is none.
    nearest : str or None
        That image; None where there is none, or its name is not known.
    stands_for : int
        To how many images, itself among them, it is the nearest of all picks.
    unfamiliar : bool or None
        Whether it is unlike all that was learnt from; None where the classifier cannot tell.
    why : str
        In a few words.
    """

    name: str
    score: float
    margin: float
    rivals: tuple[str, str]
    probabilities: tuple[float, float]
    distance: float | None
    nearest: str | None
    stands_for: int
    unfamiliar: bool | None
    why: str

    @property
    def guess(self) -> str:
        """The likeliest class."""
        return self.rivals[0]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "score": self.score,
            "margin": self.margin,
            "rivals": list(self.rivals),
            "probabilities": list(self.probabilities),
            "distance": self.distance,
            "nearest": self.nearest,
            "stands_for": self.stands_for,
            "unfamiliar": self.unfamiliar,
            "why": self.why,
        }


@dataclass(frozen=True, eq=False)
class Suggestions:
    """The images to label, the most telling first.

    Parameters
    ----------
    picks : tuple of Suggestion
    examples : list
        Where each of their images is.
    n : int
        Readable images they were chosen from.
    copies : int
        Images left out since another among them is the same.
    known : int
        Images left out since they are copies of labelled ones.
    skipped : tuple of Skipped
        Images that could not be read, and why.
    labelled : Dataset or None
        What was said to be labelled already.
    notes : tuple of str
        What the user should know, each a sentence.
    seconds : float
    modality : {"image", "text", "audio"}
    """

    picks: tuple[Suggestion, ...]
    examples: list[Any]
    n: int
    copies: int
    known: int
    skipped: tuple[Skipped, ...]
    labelled: Dataset | None
    notes: tuple[str, ...]
    seconds: float
    modality: str = "image"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "picks": [one.to_dict() for one in self.picks],
            "n": self.n,
            "copies": self.copies,
            "known": self.known,
            "skipped": [{"name": s.name, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def suggest(
    classifier: Classifier,
    data: Any,
    n: int = 20,
    *,
    labelled: Any = None,
    engine: EngineName = "auto",
    progress: Progress | None = None,
) -> Suggestions:
    """Choose the images whose labels would teach a classifier most: diverse, and of those it is unsure of.

    Parameters
    ----------
    classifier : Classifier
    data : path, bytes, array, or a list of them
        Images without labels; a folder stands for all images below it.
    n : int
        How many to choose; all, where there are fewer.
    labelled : whatever `fit` takes, optional
        What is labelled already, so that nothing like it is chosen; default: what the classifier remembers of the
        images that it has learnt from.
    engine : {"auto", "openvino", "torch"}
    progress : callable, optional
        Called with (images done, n).

    Returns
    -------
    Suggestions

    Raises
    ------
    UsageError
        If n is below 1.
    DataError
        If there is no readable image, or `labelled` cannot be read.

    References
    ----------
    Wei, Iyer & Bilmes, "Submodularity in data subset selection and active learning", 2015;
    Scheffer, Decomain & Wrobel, "Active hidden Markov models for information extraction", 2001 (the margin).
    """
    started = time.perf_counter()
    if n < 1:
        raise UsageError(
            f"--n must be 1 or more, not {n}; it is the number of {NOUNS[classifier.modality][1]} to label."
        )
    known = None if labelled is None else read_source(labelled)
    pool = Pool.read(classifier, data, known, engine, progress)
    probabilities = classifier.score(pool.values)
    strange = classifier.unfamiliar(pool.values, probabilities)
    picked = pick(pool.roots[pool.fresh], probabilities[pool.fresh], pool.labelled, n)
    picks = [
        _suggestion(pool, picked, place, classifier, probabilities[row], None if strange is None else strange[row])
        for place, row in enumerate(pool.fresh[picked.index])
    ]
    return Suggestions(
        picks=tuple(picks),
        examples=[pool.examples[row] for row in pool.fresh[picked.index]],
        n=len(pool.values),
        copies=pool.copies,
        known=pool.known,
        skipped=pool.skipped,
        labelled=known,
        notes=pool.notes + tuple(_notes(pool, n, classifier.modality)),
        seconds=time.perf_counter() - started,
        modality=classifier.modality,
    )


def _suggestion(
    pool: Pool,
    picked: Picked,
    place: int,
    classifier: Classifier,
    probabilities: npt.NDArray[np.float64],
    unfamiliar: np.bool_ | None,
) -> Suggestion:
    first, second = np.argsort(-probabilities, kind="stable")[:2]
    margin = float(probabilities[first] - probabilities[second])
    classes = classifier.classes
    rivals, nearest = (classes[first], classes[second]), int(picked.nearest[place])
    stands_for = int(picked.stands_for[place])
    return Suggestion(
        name=pool.names[pool.fresh[picked.index[place]]],
        score=float(picked.score[place]),
        margin=margin,
        rivals=rivals,
        probabilities=(float(probabilities[first]), float(probabilities[second])),
        distance=None if nearest < 0 else float(1 - picked.similarity[place]),
        nearest=_name(pool, picked, nearest),
        stands_for=stands_for,
        unfamiliar=None if unfamiliar is None else bool(unfamiliar),
        why=_why(margin, stands_for, bool(unfamiliar), NOUNS[classifier.modality][1]),
    )


def _name(pool: Pool, picked: Picked, nearest: int) -> str | None:
    labelled = 0 if pool.labelled is None else len(pool.labelled)
    if nearest >= labelled:
        return pool.names[pool.fresh[picked.index[nearest - labelled]]]
    return pool.labelled_names[nearest] if 0 <= nearest < len(pool.labelled_names) else None


def _why(margin: float, stands_for: int, unfamiliar: bool, things: str = "images") -> str:
    """Return the reasons for a pick in a few words."""
    alike = f"stands for {stands_for:,} {things}" if stands_for > 1 else "like no other"
    reasons = f"in doubt, {alike}" if margin < IN_DOUBT else f"rather sure, but {alike}"
    return reasons + ("; unlike anything learnt from" if unfamiliar else "")


def _notes(pool: Pool, n: int, modality: str) -> list[str]:
    """Return what the user should know about the choice, a sentence each."""
    notes = []
    thing, things = NOUNS[modality]
    if pool.copies:
        notes.append(f"{_are(pool.copies, modality)} left out: copies of others among them.")
    if pool.known:
        notes.append(f"{_are(pool.known, modality)} left out: copies of what is labelled already.")
    if pool.labelled is None:
        notes.append(
            "The classifier does not remember what it has learnt from, so copies of that may be among the picks; "
            f"name the labelled {things} with --labelled."
        )
    if not len(pool.fresh):
        notes.append(f"Nothing is left to label: every {thing} is a copy of one that is labelled.")
    elif n > len(pool.fresh):
        notes.append(
            f"{n:,} were asked for, but there are {len(pool.fresh):,}: all of them, in the order to label them in."
        )
    return notes


def _are(count: int, modality: str) -> str:
    return f"{count:,} {NOUNS[modality][count != 1]} {'is' if count == 1 else 'are'}"
