"""All scores of one source by their names; where one is undefined, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.transferability.h_score import h_score
from regraft.transferability.judge import Judge, Judgement, one_thread
from regraft.transferability.leep import leep
from regraft.transferability.logme import logme
from regraft.transferability.nce import nce
from regraft.transferability.transrate import transrate

OF_FEATURES = {"logme": logme, "h_score": h_score, "transrate": transrate}

SCORES = ("logme", "h_score", "leep", "nce", "transrate")
"""The scores that need no training; of each, more is better."""


@dataclass(frozen=True)
class Scores:
    """What is said of one source: numbers, or why there is none.

    Parameters
    ----------
    logme, h_score, leep, nce, transrate : float or None
        See the functions of these names.
    probe, probe_se : float or None
        Accuracy of the cross-validated probe, the judge, and its standard error.
    reasons : dict of str to str
        Why a number is None, a sentence each.
    """

    logme: float | None
    h_score: float | None
    leep: float | None
    nce: float | None
    transrate: float | None
    probe: float | None
    probe_se: float | None
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self), "reasons": dict(self.reasons)}


def score(
    features: npt.NDArray[np.float32],
    y: npt.NDArray[np.int64],
    judge: Judge | str,
    source: npt.NDArray[np.float32] | str,
) -> Scores:
    """Return all scores of a source, and the judge's word on it.

    Parameters
    ----------
    features : float array of shape (n, d)
    y : int array of shape (n,)
        Class indices.
    judge : Judge or str
        Of these n images; or why there is none.
    source : float array of shape (n, z) or str
        Probabilities of the source's classes; or why there are none.
    """
    found: dict[str, Any] = {}
    reasons: dict[str, str] = {}

    def attempt(name: str, function: Any, *arguments: Any) -> None:
        try:
            found[name] = function(*arguments)
        except DataError as error:
            found[name], reasons[name] = None, str(error)

    with one_thread():
        for name, function in OF_FEATURES.items():
            attempt(name, function, features, y)
        attempt("leep", _leep, source, y)
        attempt("nce", _nce, source, y)
    attempt("judgement", _judged, judge, features)
    judgement: Judgement | None = found.pop("judgement")
    if judgement is None:
        reasons["probe"] = reasons.pop("judgement")
        return Scores(**found, probe=None, probe_se=None, reasons=reasons)
    return Scores(**found, probe=judgement.accuracy, probe_se=judgement.se, reasons=reasons)


def _leep(source: npt.NDArray[np.float32] | str, y: npt.NDArray[np.int64]) -> float:
    return leep(_given(source), y)


def _nce(source: npt.NDArray[np.float32] | str, y: npt.NDArray[np.int64]) -> float:
    return nce(_given(source).argmax(axis=1), y)


def _judged(judge: Judge | str, features: npt.NDArray[np.float32]) -> Judgement:
    return _given(judge)(features)


def _given(value: Any) -> Any:
    """Return what is there; what is not comes as the reason."""
    if isinstance(value, str):
        raise DataError(value)
    return value


def agreement(scores: list[float | None], judged: list[float | None]) -> tuple[float | None, str]:
    """Return the weighted Kendall tau between a score and the judge, or None and why; best sources weigh most.

    Parameters
    ----------
    scores, judged : list of float or None
        One a source; sources without one of the two are left out.

    Returns
    -------
    tau : float or None
        1 where both order the sources alike, -1 where one is the other reversed.
    why : str
        "" where there is a number.

    References
    ----------
    Vigna, A weighted correlation index for rankings with ties, 2015.
    """
    pairs = [(a, b) for a, b in zip(scores, judged, strict=True) if a is not None and b is not None]
    if len(pairs) < 2:
        return None, f"tau needs 2 sources with both numbers (3 or more make sense), but {len(pairs)} have them"
    ours, theirs = (np.array(column) for column in zip(*pairs, strict=True))
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None, "tau needs sources that differ, but all are equal"
    from scipy.stats import weightedtau

    return float(weightedtau(ours, theirs).statistic), ""
