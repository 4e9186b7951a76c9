"""What a strategy comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regraft.result import Attempt, Epoch, keeps_probe
from regraft.self_training.self_taught import SelfTaught
from regraft.strategies.network import Fitted

if TYPE_CHECKING:
    from regraft.heads.selection import Candidate


@dataclass(frozen=True, eq=False)
class Outcome:
    """The classifier's parts, and what they say of images they were not fitted or chosen by.

    Parameters
    ----------
    fitted : Fitted
        The one that is kept.
    precisions : tuple of str
    widths : tuple of int
    test_index : int array of shape (m,)
    test_probabilities : float array of shape (m, k)
    test_features : float array of shape (m, d) or None
        Of the same images, by the network that is kept; None where several networks named them.
    val_probabilities : float array of shape (v, k) or None
        Of the source's own validation images.
    held_out_index : int array of shape (h,)
    held_out_probabilities : float array of shape (h, k)
        Of images that it was chosen by, when it had not learnt from them; never of the test's.
    attempts : tuple of Attempt
    history : tuple of Epoch
    candidates : tuple of Candidate
        The probe's heads, where there was a probe.
    seconds : float
        Of all trainings.
    views : tuple of str
        Views that were learnt from beside the plain one, where each class has a few images.
    taught : SelfTaught or None
        What images without labels gave, where there were any.
    """

    fitted: Fitted
    precisions: tuple[str, ...]
    widths: tuple[int, ...]
    test_index: np.ndarray
    test_probabilities: np.ndarray
    test_features: np.ndarray | None
    val_probabilities: np.ndarray | None
    held_out_index: np.ndarray
    held_out_probabilities: np.ndarray
    attempts: tuple[Attempt, ...]
    history: tuple[Epoch, ...]
    candidates: tuple[Candidate, ...]
    seconds: float
    views: tuple[str, ...] = ()
    taught: SelfTaught | None = None

    @property
    def frozen(self) -> bool:
        """Whether it is a head on frozen features."""
        return keeps_probe(self.attempts)
