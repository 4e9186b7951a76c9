"""How far to trust a classifier, measured on its test images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.control import Control
from regraft.errors import DataError
from regraft.evaluation.calibration import Calibration, uncalibrated
from regraft.evaluation.conformal import Conformal, Coverage, coverage
from regraft.evaluation.intervals import bootstrap, wilson
from regraft.evaluation.out_of_distribution import auroc
from regraft.evaluation.reliability import Reliability, reliability
from regraft.evaluation.selective import Selective, selective
from regraft.evidence.trust import COVERAGE, Trust
from regraft.evidence.wording import sentences

FOLDS = 5


@dataclass(frozen=True)
class Familiarity:
    """How well images unlike all that was learnt from are told.

    Parameters
    ----------
    allowed : float
        Share of familiar images that may be marked by mistake.
    false_alarms, false_alarms_ci95 : float and (float, float), or None
        Share of the test images that are; None where none are apart from training.
    strangers : dict of str to (int, float, float or None)
        Kinds of other pictures: how many, which share of them is marked, and the area under the ROC curve of the
        score against the test images.
    """

    allowed: float
    false_alarms: float | None
    false_alarms_ci95: tuple[float, float] | None
    strangers: dict[str, tuple[int, float, float | None]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "allowed_false_alarms": self.allowed,
            "false_alarms": self.false_alarms,
            "false_alarms_ci95": None if self.false_alarms_ci95 is None else list(self.false_alarms_ci95),
            "strangers": {
                kind: {"n": n, "marked": marked, "auroc": area} for kind, (n, marked, area) in self.strangers.items()
            },
        }


@dataclass(frozen=True)
class Evidence:
    """How far to trust a classifier, measured on its test images.

    Parameters
    ----------
    before, after : Reliability
        Of the head's plain probabilities, and of the calibrated ones.
    method : str
        What calibrated them, in words.
    coverage : Coverage or None
        Of the 90% sets.
    selective : Selective
        Accuracy against the share that is answered.
    familiarity : Familiarity or None
    control : Control or None
        Raw pixels alone; None where nothing was transferred.
    intervals : dict of str to (float, float)
        95% intervals of balanced accuracy, macro F1 and log loss.
    notes : tuple of str
        Why something is missing.
    things : str
        What people call the images, where they are texts or recordings.
    """

    before: Reliability
    after: Reliability
    method: str
    coverage: Coverage | None
    selective: Selective
    familiarity: Familiarity | None
    control: Control | None
    intervals: dict[str, tuple[float, float]]
    notes: tuple[str, ...] = ()
    things: str = "images"

    def sentences(self) -> list[str]:
        """Return what it says, in words."""
        return list(sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        sets = None if self.coverage is None else {"asked": COVERAGE, **self.coverage.to_dict()}
        return {
            "calibration": {"method": self.method, "before": self.before.to_dict(), "after": self.after.to_dict()},
            "sets": sets,
            "selective": self.selective.to_dict(),
            "familiarity": None if self.familiarity is None else self.familiarity.to_dict(),
            "intervals": {name: list(interval) for name, interval in self.intervals.items()},
            "transfer": None if self.control is None else self.control.to_dict(),
            "notes": list(self.notes),
        }


def gather(
    trusted: Trust,
    probabilities: npt.NDArray[np.float64],
    y: npt.NDArray[np.int64],
    *,
    settings: dict[str, Any],
    protocol: str,
    features: npt.NDArray[np.float32] | None,
    strangers: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]],
    control: Control | None,
    seed: int,
    things: str = "images",
) -> Evidence:
    """Return what the test images say of how far a classifier can be trusted.

    Parameters
    ----------
    trusted : Trust
    probabilities : float array of shape (m, k)
        Of the test images, as the head gives them.
    y : int array of shape (m,)
    settings : dict
        The head's: its inverse temperature is undone for the figures before calibration.
    protocol : {"given", "holdout", "cross-validation"}
    features : float array of shape (m, d) or None
        Of test images that the classifier has not learnt from.
    strangers : dict of str to (float array of shape (s, d), float array of shape (s, k))
        Other pictures by kind: their features, and what the head says of them.
    control : Control or None
    seed : int
    things : str
        What people call the images, where they are texts or recordings.
    """
    final = trusted.calibration.apply(probabilities)
    scale = settings.get("inverse_temperature")
    plain = probabilities if scale is None else uncalibrated(probabilities, float(scale))
    return Evidence(
        before=reliability(plain, y, seed=seed),
        after=reliability(final, y, seed=seed),
        method=_method(trusted.calibration, scale is not None),
        coverage=_coverage(trusted, final, y, protocol, seed),
        selective=selective(final, y, things),
        familiarity=_familiarity(trusted, features, final, strangers),
        control=control,
        intervals=bootstrap(y, final, seed),
        notes=trusted.notes,
        things=things,
    )


def _method(calibration: Calibration, tempered: bool) -> str:
    own = "temperature" if tempered else "the head's own scale"
    return own if calibration.method == "none" else f"{own}, then {calibration.method}"


def _coverage(
    trusted: Trust, p: npt.NDArray[np.float64], y: npt.NDArray[np.int64], protocol: str, seed: int
) -> Coverage | None:
    if trusted.conformal is None:
        return None
    if protocol != "cross-validation":
        return coverage(trusted.conformal.sets(p, COVERAGE), y)
    # The classifier's own scores are of these very images: each fifth is covered by the scores of the others.
    fold = np.random.default_rng(seed).permutation(len(y)) % FOLDS
    sets = np.zeros(p.shape, bool)
    try:
        for number in range(FOLDS):
            rest = fold != number
            sets[~rest] = Conformal.fit(p[rest], y[rest]).sets(p[~rest], COVERAGE)
    except DataError:
        return None
    return coverage(sets, y)


def _familiarity(
    trusted: Trust,
    features: npt.NDArray[np.float32] | None,
    probabilities: npt.NDArray[np.float64],
    strangers: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]],
) -> Familiarity | None:
    familiarity = trusted.familiarity
    if familiarity is None:
        return None
    known = None if features is None else familiarity.score(features, probabilities)
    share = interval = None
    if known is not None:
        marked = int((known > familiarity.threshold).sum())
        share, interval = marked / len(known), wilson(marked, len(known))
    others = {}
    for kind, (values, said) in strangers.items():
        scores = familiarity.score(values, trusted.calibration.apply(said))
        area = None if known is None else auroc(known, scores)
        others[kind] = (len(scores), float((scores > familiarity.threshold).mean()), area)
    return Familiarity(familiarity.false_alarms, share, interval, others)
