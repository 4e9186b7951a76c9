"""From a decoded image to the pixels a backbone was trained on; it travels with the weights."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Resize = Literal["crop", "stretch"]

Pixels = Literal["weights", "0..1", "-1..1"]

SCALES = {"0..1": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), "-1..1": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))}
"""Ways to scale pixels that have a name, with their mean and standard deviation."""


@dataclass(frozen=True)
class Preprocessing:
    """Size, crop, interpolation and normalisation that a backbone's weights expect.

    Parameters
    ----------
    size : int
        Height and width in pixels of what the network sees.
    mean, std : tuple of three floats
        Per channel (red, green, blue), for pixels scaled to 0..1.
    crop : float
        Share of the resized short side that the centre crop keeps; 1 keeps all of it.
    interpolation : {"bicubic", "bilinear"}
        Used where images are enlarged; where they shrink, pixels are averaged by area.
    resize : {"crop", "stretch"}
        Resize the short side and crop the centre, or stretch the whole image to a square.
    mirror : bool
        Whether left and right are swapped.
    """

    size: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    crop: float = 0.875
    interpolation: str = "bicubic"
    resize: Resize = "crop"
    mirror: bool = False

    @property
    def short_side(self) -> int:
        """Pixels of the short side before the crop: a decoder need not deliver more."""
        return self.size if self.resize == "stretch" else math.floor(self.size / self.crop)

    @property
    def scale(self) -> str:
        """How pixels are scaled, in words."""
        for name, (mean, std) in SCALES.items():
            if (self.mean, self.std) == (mean, std):
                return f"pixels scaled to {name}"
        mean_and_std = (", ".join(f"{value:g}" for value in values) for values in (self.mean, self.std))
        return "pixels of 0..1 less the mean ({}), divided by the standard deviation ({})".format(*mean_and_std)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Resize and crop one image; normalisation is done inside the engine.

        Parameters
        ----------
        image : uint8 array of shape (h, w, 3)
            Red, green, blue.

        Returns
        -------
        uint8 array of shape (size, size, 3)
        """
        import cv2

        height, width = image.shape[:2]
        if self.resize == "crop":
            # Cropping first and resizing only what is kept gives the same image for less work.
            side = min(height, width) * self.size / self.short_side
            crop = max(1, round(side))
            top, left = (height - crop) // 2, (width - crop) // 2
            image = image[top : top + crop, left : left + crop]
        # A side at a time may shrink while the other grows: averaging by area is only for what shrinks.
        height, width = (min(side, self.size) for side in image.shape[:2])
        if image.shape[:2] != (height, width):
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        if (height, width) != (self.size, self.size):
            enlarge = cv2.INTER_CUBIC if self.interpolation == "bicubic" else cv2.INTER_LINEAR
            image = cv2.resize(image, (self.size, self.size), interpolation=enlarge)
        return np.ascontiguousarray(image[:, ::-1] if self.mirror else image)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        if not self.mirror:
            del values["mirror"]  # what is kept under the digest of the other values stays valid
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """Rebuild from `to_dict`."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    @property
    def digest(self) -> str:
        """Hex digest of everything that changes the pixels."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]
