"""What a ranking gives back: plain values, which reports and the command line only render."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regraft.transferability.scores import SCORES, Scores

RANDOM = ":random"
"""Ends the name of a network whose weights are to be random: the control of what its learning is worth."""


@dataclass(frozen=True)
class RankRow(Scores):
    """One source, or several side by side, and its scores.

    Parameters
    ----------
    backbone : str
        Its name, with `RANDOM` at the end where its weights are random; several are joined by "+".
    flags : tuple of str
        "under chance" where the judge is no better than always naming the most frequent class; "under raw pixels"
        where it is worse than on thumbnails of the images.
    """

    backbone: str = ""
    flags: tuple[str, ...] = ()

    @property
    def random(self) -> bool:
        """Whether it has learnt nothing."""
        return self.backbone.endswith(RANDOM)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, the name first."""
        return {"backbone": self.backbone, **super().to_dict(), "flags": list(self.flags)}


@dataclass(frozen=True)
class LayerRow(Scores):
    """The output of one stage of a network, averaged over positions, and its scores.

    Parameters
    ----------
    backbone : str
    stage : str
        Whose output it is.
    width : int
        Its channels.
    train_from : str or None
        The stage after it, from which up to train where this output is transferred; None after the last.
    """

    backbone: str = ""
    stage: str = ""
    width: int = 0
    train_from: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the scores of a source's classes are the whole network's alone."""
        plain = super().to_dict()
        first = ("backbone", "stage", "width", "train_from")
        rest = {name: value for name, value in plain.items() if name not in (*first, "leep", "nce")}
        rest["reasons"] = {name: why for name, why in self.reasons.items() if name not in ("leep", "nce")}
        return {**{name: plain[name] for name in first}, **rest}


@dataclass(frozen=True)
class Ranking:
    """Sources in the order of the judge, the best first.

    Parameters
    ----------
    rows : tuple of RankRow
    tau : dict of str to float or None
        Weighted Kendall tau of each score with the judge; None where it is undefined, and why is in the notes.
    layers : tuple of LayerRow
        Of the best source that has learnt something, from the pixels up; empty where they were not asked for.
    combinations : tuple of RankRow
        Pairs of sources side by side, the best first.
    raw : str
        What the control is, in words.
    chance, raw_pixels : float or None
        Accuracy of always naming the most frequent class, and of the judge on thumbnails of the images.
    advice : str
        Which source to transfer from, in a sentence.
    command : str
        What to run; DATA stands for the data.
    notes : tuple of str
        What to know when reading the rows, negative transfer first.
    n : int
        Images that were ranked on: training images only.
    seconds : float
        All of it.
    """

    rows: tuple[RankRow, ...]
    tau: dict[str, float | None]
    layers: tuple[LayerRow, ...]
    combinations: tuple[RankRow, ...]
    chance: float | None
    raw_pixels: float | None
    raw: str
    advice: str
    command: str
    notes: tuple[str, ...]
    n: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "tau": {name: self.tau[name] for name in SCORES},
            "layers": [row.to_dict() for row in self.layers],
            "combinations": [row.to_dict() for row in self.combinations],
            "baseline": {"chance": self.chance, "raw_pixels": self.raw_pixels, "raw": self.raw},
            "advice": self.advice,
            "command": self.command,
            "notes": list(self.notes),
            "n": self.n,
            "seconds": round(self.seconds, 3),
        }


def best_first(rows: list[RankRow]) -> tuple[RankRow, ...]:
    """Return rows in the order of the judge; of equals what has learnt something first, then by LogME."""
    lowest = float("-inf")

    def key(row: RankRow) -> tuple[float, bool, float]:
        probe, logme = (lowest if value is None else value for value in (row.probe, row.logme))
        return probe, not row.random, logme

    return tuple(sorted(rows, key=key, reverse=True))
