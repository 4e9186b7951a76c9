"""What a classifier carries so that its answers can be acted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.errors import DataError
from regraft.evaluation.calibration import Calibration, fit_calibration
from regraft.evaluation.conformal import Conformal
from regraft.evaluation.out_of_distribution import OutOfDistribution
from regraft.evidence.memory import Memory

COVERAGE = 0.9
"""Of the sets whose coverage is measured."""

NOTHING_HELD_OUT = (
    "With one example of each class nothing could be held out: confidences are not calibrated, there are no prediction "
    "sets, and what is unlike anything learnt from is not marked."
)


@dataclass(frozen=True, eq=False)
class Trust:
    """What a classifier carries so that its answers can be acted on; nothing of it is from test images.

    Parameters
    ----------
    calibration : Calibration
    conformal : Conformal or None
        None where too few images were held out for sets of any use.
    familiarity : OutOfDistribution or None
    memory : Memory or None
    notes : tuple of str
        Why something is missing.
    """

    calibration: Calibration
    conformal: Conformal | None
    familiarity: OutOfDistribution | None
    memory: Memory | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Learnt:
    """The features of what a classifier learnt from, and of the held-out images among or beside them.

    Parameters
    ----------
    features : float array of shape (n, d)
        Of the training images.
    index : int array of shape (h,)
        Which rows of `validation` the held-out images are, or of `features` where there is none.
    validation : float array of shape (v, d) or None
        Of the source's own validation images.
    widths : tuple of int
        Columns of each backbone.
    groups : array of shape (n,) or None
        Training images of one group are held out together.
    """

    features: npt.NDArray[np.float32]
    index: npt.NDArray[np.int64]
    validation: npt.NDArray[np.float32] | None
    widths: tuple[int, ...]
    groups: npt.NDArray[np.str_] | None = None


def trust(
    held_out: npt.NDArray[np.float64],
    y: npt.NDArray[np.int64],
    learnt: Learnt | None,
    seed: int,
    *,
    tempered: bool = False,
) -> Trust:
    """Return what a classifier carries, from held-out probabilities and the features it learnt from.

    Parameters
    ----------
    held_out : float array of shape (h, k)
        What the head says of images that it was not fitted on.
    y : int array of shape (h,)
        Their classes.
    learnt : Learnt or None
        None where there was no time for features.
    seed : int
    tempered : bool
        Whether the head has chosen a temperature already.
    """
    if not len(y):
        return Trust(Calibration(), None, None, notes=(NOTHING_HELD_OUT,))
    calibration = fit_calibration(held_out, y, seed, tempered=tempered)
    calibrated = calibration.apply(held_out)
    notes = []
    conformal: Conformal | None = Conformal.fit(calibrated, y)
    try:
        assert conformal is not None
        conformal.threshold(COVERAGE)
    except DataError as error:
        conformal = None
        notes.append(f"No prediction sets: {error}")
    familiarity = memory = None
    if learnt is None:
        notes.append("What is unlike anything learnt from is not marked: there was no time left to learn that.")
    else:
        held = (learnt.features if learnt.validation is None else learnt.validation)[learnt.index]
        memory = Memory.draw(held, y, calibrated, learnt.widths, seed)
        try:
            familiarity = OutOfDistribution.fit(
                learnt.features,
                calibrated,
                index=learnt.index,
                validation=learnt.validation,
                widths=learnt.widths,
                groups=learnt.groups,
                seed=seed,
            )
        except DataError as error:
            notes.append(f"What is unlike anything learnt from is not marked: {error}")
    return Trust(calibration, conformal, familiarity, memory, tuple(notes))
