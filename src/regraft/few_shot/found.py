"""What few-shot episodes came to: plain values, which commands and pictures only show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regraft.data.dataset import NOUNS, Dataset


@dataclass(frozen=True)
class Figure:
    """Accuracy over episodes.

    Parameters
    ----------
    accuracy : float
        Mean over the episodes.
    ci95 : (float, float)
        Interval of that mean.
    head : str
        The head that was chosen most often.
    chosen : dict of str to int
        In how many episodes each head was chosen.
    """

    accuracy: float
    ci95: tuple[float, float]
    head: str
    chosen: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"accuracy": self.accuracy, "ci95": list(self.ci95), "head": self.head, "chosen": self.chosen}


@dataclass(frozen=True)
class Point:
    """Accuracy with one number of labelled images a class.

    Parameters
    ----------
    shots : int
        Labelled images a class.
    best : Figure
        Of all unlabelled images named together, if that was asked for; else the same as `alone`.
    alone : Figure
        Of each image named on its own.
    compared : dict of str to (float, int)
        Mean accuracy of each head that was tried, and in how many episodes; nothing was chosen by it.
    tested : int
        Tested images, on average.
    together : bool
        Whether `best` is of images named together.
    modality : {"image", "text", "audio"}
    """

    shots: int
    best: Figure
    alone: Figure
    compared: dict[str, tuple[float, int]]
    tested: int
    together: bool
    modality: str = "image"

    @property
    def sentence(self) -> str:
        """What it says, for people."""
        thing, things = NOUNS[self.modality]
        shown = f"{self.shots} {thing if self.shots == 1 else things}"
        low, high = self.best.ci95
        text = f"{shown} a class: {self.best.accuracy:.3f} ({low:.3f} to {high:.3f}), {self.best.head}"
        return f"{text}; {self.alone.accuracy:.3f} where each {thing} is named on its own" if self.together else text

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **self.best.to_dict(),
            "alone": self.alone.to_dict(),
            "compared": {name: {"accuracy": mean, "episodes": n} for name, (mean, n) in self.compared.items()},
            "tested": self.tested,
            "together": self.together,
        }


@dataclass(frozen=True)
class FewShot:
    """How accuracy grows with the number of labelled images a class.

    Parameters
    ----------
    points : tuple of Point
        In rising order of labelled images.
    dataset : Dataset
        The images that took part.
    backbone : str
    episodes : int
        Draws behind each point.
    together : bool
        Whether unlabelled images were named together.
    views : tuple of str
        The views that were used beside the plain one.
    notes : tuple of str
    seed : int
    seconds : float
    """

    points: tuple[Point, ...]
    dataset: Dataset
    backbone: str
    episodes: int
    together: bool
    views: tuple[str, ...]
    notes: tuple[str, ...]
    seed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: by the number of labelled images a class."""
        return {str(point.shots): point.to_dict() for point in self.points}
