"""What a comparison gives back: plain values, which reports only render."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from regraft import __version__
from regraft.comparison.strategies import STRATEGIES
from regraft.data.dataset import Dataset
from regraft.evaluation.transfer import Verdict
from regraft.result import Result


@dataclass(frozen=True)
class Row:
    """One strategy and how it did; where it failed, why.

    Parameters
    ----------
    strategy : str
        Its name in `STRATEGIES`.
    seconds : float
        From its start to its end.
    backbone : str
        The network, or networks joined by "+".
    trainable : int
        Parameters that were trained.
    val_accuracy, val_ci95 : float and (float, float), or None
        On images that are not the test's: by these a best one is chosen.
    accuracy, ci95, f1, auc : float or None
        On the test images, with Wilson's 95% interval; F1 and AUC are the mean over the classes.
    p_value : float or None
        Of McNemar's exact test against the best on validation; None for that one itself.
    error : str
        Why there is nothing of all this; "" where there is.
    result : Result or None
    """

    strategy: str
    seconds: float
    backbone: str = ""
    trainable: int = 0
    val_accuracy: float | None = None
    val_ci95: tuple[float, float] | None = None
    accuracy: float | None = None
    ci95: tuple[float, float] | None = None
    f1: float | None = None
    auc: float | None = None
    p_value: float | None = None
    error: str = ""
    result: Result | None = field(default=None, repr=False, compare=False)

    @property
    def transfers(self) -> bool:
        """Whether its network was trained on other images before."""
        return STRATEGIES[self.strategy].transfers

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = ("strategy", "backbone", "accuracy", "ci95", "f1", "auc", "seconds", "val_accuracy", "val_ci95")
        plain = {name: getattr(self, name) for name in (*names, "p_value", "error")}
        plain |= {name: list(plain[name]) for name in ("ci95", "val_ci95") if plain[name] is not None}
        return {**plain, "trainable_parameters": self.trainable, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Comparison:
    """Several strategies on the same images.

    Parameters
    ----------
    rows : tuple of Row
        The most accurate on the test images first; failed ones last.
    verdict : Verdict
    best : str
        The strategy that the p values compare with: the most accurate on validation; "" where all failed.
    dataset : Dataset
        The examples, with the split that all strategies had.
    protocol : {"holdout", "given", "cross-validation"}
    notes : tuple of str
        What to know when reading the rows.
    seed : int
    seconds : float
        All of it.
    """

    rows: tuple[Row, ...]
    verdict: Verdict
    best: str
    dataset: Dataset
    protocol: str
    notes: tuple[str, ...]
    seed: int
    seconds: float
    command: str = ""
    version: str = __version__
    created: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return `comparison.json`: plain values."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "verdict": self.verdict.to_dict(),
            "best": self.best,
            "data": self.dataset.name,
            "classes": list(self.dataset.class_names),
            "n_test": max((row.result.n_test for row in self.rows if row.result), default=0),
            "protocol": self.protocol,
            "notes": list(self.notes),
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "command": self.command,
            "version": self.version,
            "created": self.created,
        }
