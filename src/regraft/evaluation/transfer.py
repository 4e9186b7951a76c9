"""Whether transfer was worth it: the same images, named with what a network learnt before and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.evaluation.significance import paired_gain


@dataclass(frozen=True)
class Verdict:
    """Whether transfer was worth it.

    Parameters
    ----------
    text : str
        One sentence or two.
    gain, ci95 : float and (float, float), or None
        How much more often the transfer is right than its control, as a share of the test images, and its 95%
        interval; None where one of the two is missing.
    transfer, scratch : str
        The two, each chosen without the test images; "" where there is none.
    """

    text: str
    gain: float | None = None
    ci95: tuple[float, float] | None = None
    transfer: str = ""
    scratch: str = ""

    @property
    def hurts(self) -> bool:
        """Whether transfer is worse than its control, beyond chance."""
        return self.ci95 is not None and self.ci95[1] < 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self), "ci95": None if self.ci95 is None else list(self.ci95)}


def judge(
    right: npt.ArrayLike,
    right_without: npt.ArrayLike,
    control: str = "training from scratch",
    *,
    transfer: str = "",
    scratch: str = "",
    things: str = "images",
) -> Verdict:
    """Return whether transfer beats its control on the same images.

    Parameters
    ----------
    right, right_without : bool array of shape (n,)
        Whether each is right, image by image.
    control : str
        What the control is, in words.
    transfer, scratch : str
        Names of the two, for the record.
    things : str
        What people call the images, where they are texts or recordings.

    Raises
    ------
    DataError
        If the two are not about the same images.
    """
    gain, (low, high) = paired_gain(right, right_without)
    interval = f"95% interval {100 * low:.1f} to {100 * high:.1f}"
    points = f"{abs(100 * gain):.1f} points"
    if low > 0:
        text = f"Transfer gains +{points} ({interval}) over {control}."
    elif high < 0:
        text = f"Transfer hurts: it loses {points} ({interval}) against {control}."
    elif gain < 0:
        text = f"Transfer does not help here: −{points} ({interval}) against {control}, which may be chance."
    else:
        n = np.size(right)
        text = f"As far as these {n:,} {things} can tell, transfer and {control} are equal: +{points} ({interval})."
    return Verdict(text, gain, (low, high), transfer, scratch)
