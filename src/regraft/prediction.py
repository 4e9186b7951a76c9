"""What a classifier says of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one image.

    Parameters
    ----------
    name : str
        The image.
    label : str or None
        The most probable class; None where the image could not be read.
    confidence : float or None
        Its probability.
    probabilities : dict of str to float
        Every class, the most probable first.
    error : str or None
        Why the image could not be read.
    unfamiliar : bool or None
        Whether it is unlike all that was learnt from, so that its label means little; None where the classifier
        cannot tell.
    plausible : tuple of str or None
        The classes that cannot be ruled out at the coverage asked for, the most probable first; it may be empty.
    """

    name: str
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    error: str | None = None
    unfamiliar: bool | None = None
    plausible: tuple[str, ...] | None = None

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """Return plain values for JSON, with the `top` most probable classes."""
        shown = dict(list(self.probabilities.items())[:top])
        values: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": shown,
            "unfamiliar": self.unfamiliar,
        }
        if self.plausible is not None:
            values["plausible"] = list(self.plausible)
        return values if self.error is None else {**values, "error": self.error}
