"""Few or many images, like the source's or not: the strategy that each of the four suggests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.backbones.stage_names import ALL
from regraft.transferability.overlap import WORTH
from regraft.transferability.probes import Probes
from regraft.transferability.similarity import Similarity

LARGE, LARGE_CLASS = 1000, 100
"""Training images, and training images of the median class, from which a set is large.

Below, training the network itself gained little on images like the source's (flowers, 800 images: 0.938 against 0.929
for the probe; cats and dogs, 800: 0.995 for both), and on others it paid to train its upper half alone (hand signs,
864: 0.991 against 0.972).
"""

ENOUGH = 0.99
"""Accuracy of a probe from which on training the network has nothing left to gain."""

UPPER_SHARE = 0.5
"""Share of the parameters in the stages that are trained on images unlike the source's: from blocks.5 in the Lites."""


@dataclass(frozen=True)
class Size:
    """How much there is to learn from.

    Parameters
    ----------
    verdict : {"small", "large"}
    images, classes : int
    per_class : float
        Training images of the median class.
    smallest : int
        Of the smallest.
    """

    verdict: str
    images: int
    classes: int
    per_class: float
    smallest: int

    @property
    def text(self) -> str:
        """A sentence for the user."""
        return (
            f"{self.verdict.capitalize()}: {self.images:,} training images, {self.per_class:g} in the median class of "
            f"{self.classes:,} (large is {LARGE:,} and {LARGE_CLASS} or more)."
        )


def size_of(y: npt.NDArray[np.int64], total: int) -> Size:
    """Return how much there is to learn from.

    Parameters
    ----------
    y : int array of shape (n,)
        Class indices of a sample.
    total : int
        Training images that there are.
    """
    counts = np.bincount(y) * (total / len(y))
    per_class = float(np.median(counts))
    verdict = "large" if total >= LARGE and per_class >= LARGE_CLASS else "small"
    return Size(verdict, total, len(counts), round(per_class, 1), round(float(counts.min())))


@dataclass(frozen=True)
class Choice:
    """A strategy, and why.

    Parameters
    ----------
    strategy : {"probe", "finetune", "auto", "scratch"}
    reason : str
    stage : str or None
        From which up to train; None for the usual one.
    """

    strategy: str
    reason: str
    stage: str | None = None


def choose(size: Size, alike: Similarity, probes: Probes, accuracy: float | None, upper: Callable[[], str]) -> Choice:
    """Return the strategy that size and similarity suggest, unless the probes know better.

    Parameters
    ----------
    size : Size
    alike : Similarity
    probes : Probes
    accuracy : float or None
        What a head on frozen features reaches.
    upper : callable
        Returns the stage from which on the network's upper half begins.
    """
    if probes.features is None:
        return Choice("probe", f"Nothing can be said of training the network: {probes.reason}")
    hopeless = alike.verdict is None or (alike.verdict == "different" and size.verdict == "large")
    if hopeless and probes.transfers is False:
        reason = (
            f"The network's features are no better here than {probes.raw} ({shown(probes.features)} against "
            f"{shown(probes.raw_pixels)}), so there is nothing to transfer: train from scratch."
        )
        return Choice("scratch", reason)
    if accuracy is not None and accuracy >= ENOUGH and accuracy > (probes.chance or 0):
        reason = (
            f"A head on frozen features already names {accuracy:.1%} of unseen images correctly: training the network "
            "has next to nothing left to gain."
        )
        return Choice("probe", reason)
    if alike.verdict is None:
        reason = (
            "What the network learnt is not known: start with a probe, and train the network as far as validation "
            "images say that it pays."
        )
        return Choice("auto", reason)
    if alike.verdict == "similar":
        return _similar(size, alike)
    if size.verdict == "small":
        stage = upper()
        reason = (
            "The examples are few and unlike the source's: low layers are general, high ones are not, so the probe is "
            f"compared with training from {stage} up, which pays where validation images say so."
        )
        return Choice("auto", reason, stage)
    reason = (
        "The examples are many and unlike the source's, yet its features beat "
        f"{probes.raw}: begin with them, and train all of the network."
    )
    return Choice("finetune", reason, ALL)


def _similar(size: Size, alike: Similarity) -> Choice:
    if size.verdict == "large":
        reason = (
            "The images are many and like the source's: its features are a good start, and there is enough to refine "
            "the topmost stages by."
        )
        return Choice("finetune", reason)
    own = alike.overlap is not None and alike.overlap.share >= WORTH
    added = "; the source's own scores of these classes join where cross-validation says so" if own else ""
    reason = (
        "The images are few and like the source's: its features fit as they are, and training them would fit "
        f"chance{added}."
    )
    return Choice("probe", reason)


def upper_half(backbones: Sequence[Backbone]) -> str:
    """Return the highest stage from which on the stages hold half of the parameters; "all" where networks differ."""
    from regraft.backbones.stages import chain, stages

    found = set()
    for backbone in backbones:
        network = backbone.build()
        parts = chain(network)
        sizes = {name: sum(p.numel() for p in parts[name].parameters()) for name in stages(network)}
        held = np.cumsum(list(reversed(sizes.values())))
        found.add(list(reversed(sizes))[int(np.argmax(held >= UPPER_SHARE * held[-1]))])
    return found.pop() if len(found) == 1 else ALL


def shown(value: float | None) -> str:
    """Return an accuracy in print."""
    return "unknown" if value is None else f"{value:.3f}"
