"""Does an image mean the same when it is mirrored? Dogs do; digits, letters and some signs do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regraft.data.images import decode, read_bytes
from regraft.errors import DataError
from regraft.evaluation.significance import mcnemar

LEVEL = 0.05
"""Mirrored images being worse by chance this rarely counts as harm."""


@dataclass(frozen=True)
class Flips:
    """How well images are named as they are and mirrored.

    Parameters
    ----------
    n : int
        Images tried.
    plain, mirrored : float
        Share named rightly, 0 to 1.
    p_value : float
        How often chance alone makes mirrored images so much worse: McNemar's exact test, one-sided.
    harm : bool
        Whether they are worse beyond chance.
    """

    n: int
    plain: float
    mirrored: float
    p_value: float
    harm: bool

    @property
    def sentence(self) -> str:
        """What was found and what follows from it, for people."""
        shares = f"{self.mirrored:.1%} of {self.n:,} are named rightly, against {self.plain:.1%} as they are"
        if self.harm:
            chance = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
            return (
                f"Mirrored images are named worse ({shares}; {chance}): left and right matter here, so training "
                "images are not mirrored."
            )
        return f"Mirrored images are not named worse ({shares}), so training images may be mirrored."


def check_flips(images: Sequence[Any], y: np.ndarray, predict: Callable[[list[np.ndarray]], np.ndarray]) -> Flips:
    """Measure whether mirrored images are named worse than the same images as they are.

    Parameters
    ----------
    images : sequence of n uint8 arrays of shape (h, w, 3), or of examples
        `predict` must not have learnt from them: on what it has learnt by heart, plain images have an unfair lead.
    y : int array of shape (n,)
        Their classes.
    predict : callable
        From a list of n arrays to probabilities (n, k).

    Returns
    -------
    Flips

    Raises
    ------
    DataError
        If there is no image, or not one class for each.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947.
    """
    y = np.asarray(y)
    if not len(images) or len(images) != len(y):
        raise DataError(
            f"There must be one class for each of one or more images, but there are {len(images)} images "
            f"and {len(y)} classes; give as many of both."
        )
    plain = [decode(read_bytes(image)) for image in images]
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in plain]
    right = predict(plain).argmax(axis=1) == y
    still = predict(mirrored).argmax(axis=1) == y
    p_value = mcnemar(right, still, alternative="greater")
    return Flips(len(y), float(right.mean()), float(still.mean()), p_value, p_value < LEVEL)
