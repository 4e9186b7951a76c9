"""An image of any size to the square that a network sees, as arithmetic that every engine knows."""

from __future__ import annotations

import torch
from torch import nn

from regraft.backbones.preprocessing import Preprocessing

SHARPNESS = -0.75
"""Of the cubic kernel that enlarges, as in OpenCV."""


class Square(nn.Module):
    """`Preprocessing.apply` inside a graph: two matrices that average what shrinks and interpolate what grows.

    No pixel differs by more than one grey level from what `Preprocessing.apply` gives, and few differ at all: those
    that lie half-way between two.

    Parameters
    ----------
    preprocessing : Preprocessing
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map pixels (n, h, w, 3) in 0..255 to (n, size, size, 3) in 0..255."""
        # Places are whole numbers: with others, an engine that computes in bf16 would be wrong by pixels. And they are
        # tensors, so that an image's sides stay open in every kind of trace.
        rows = torch.arange(images.shape[1], dtype=torch.int32)
        columns = torch.arange(images.shape[2], dtype=torch.int32)
        height, width = rows[-1] + 1, columns[-1] + 1
        if self.preprocessing.resize == "crop":
            crop = self._crop(torch.minimum(height, width))
            rows = rows - torch.div(height - crop, 2, rounding_mode="floor")
            columns = columns - torch.div(width - crop, 2, rounding_mode="floor")
            height = width = crop
        # Rows first, as one product: what is left is small enough to be turned about.
        pixels = self._weights(rows, height) @ images.float().flatten(2)
        pixels = pixels.unflatten(2, (-1, 3)).permute(0, 3, 1, 2) @ self._weights(columns, width).T
        pixels = torch.clamp(self._rounded(pixels, height, width), 0, 255)
        return (torch.flip(pixels, (3,)) if self.preprocessing.mirror else pixels).permute(0, 2, 3, 1)

    def _crop(self, short: torch.Tensor) -> torch.Tensor:
        """Return the side of the crop for an image's short side: halves go to the even number."""
        twice, whole = 2 * short * self.preprocessing.size, 2 * self.preprocessing.short_side
        side = torch.div(twice + self.preprocessing.short_side, whole, rounding_mode="floor")
        half = twice + self.preprocessing.short_side == side * whole
        return torch.clamp(side - (half & (side % 2 == 1)).int(), min=1)

    def _weights(self, at: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Return what each pixel of a side (m,) counts for each pixel of the square's side (size, m).

        Parameters
        ----------
        at : int tensor of shape (m,)
            The pixels' places, counted from the crop's beginning.
        length : int tensor without axes
            Of the crop.
        """
        return torch.where(length >= self.preprocessing.size, self._average(at, length), self._between(at, length))

    def _average(self, at: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        # In parts of a pixel, `size` to each; the square's pixels are `length` parts long.
        size = self.preprocessing.size
        start = self._places()[:, None] * length
        overlap = torch.minimum(start + length, (at + 1) * size) - torch.maximum(start, at * size)
        return torch.clamp(overlap, min=0).float() / length.float()

    def _between(self, at: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        whole = 2 * self.preprocessing.size
        x = (2 * self._places() + 1) * length - self.preprocessing.size
        # Engines divide whole numbers below 0 each in its own way.
        before = torch.div(x + whole, whole, rounding_mode="floor") - 1
        t = (x - before * whole).float() / whole
        if self.preprocessing.interpolation == "bicubic":
            first, second, third = _far(t), _near(t), _near(1 - t)
            taps = [(-1, first), (0, second), (1, third), (2, 1 - first - second - third)]
        else:
            taps = [(0, 1 - t), (1, t)]
        # What would lie outside is the pixel at the edge.
        nearest = [torch.minimum(torch.clamp(before + offset, min=0), length - 1) for offset, _ in taps]
        parts = [w[:, None] * (n[:, None] == at).float() for n, (_, w) in zip(nearest, taps, strict=True)]
        return torch.stack(parts).sum(0)

    def _places(self) -> torch.Tensor:
        return torch.arange(self.preprocessing.size, dtype=torch.int32)

    def _rounded(self, pixels: torch.Tensor, height: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
        # Halves go to the even number, but up where four pixels become one: so does OpenCV.
        twice = 2 * self.preprocessing.size
        fourth = (height == twice) & (width == twice)
        return torch.where(fourth, torch.floor(pixels + 0.5), torch.round(pixels))


def _near(t: torch.Tensor) -> torch.Tensor:
    """Return the cubic kernel at the distance t, 0..1."""
    return ((SHARPNESS + 2) * t - (SHARPNESS + 3)) * t * t + 1


def _far(t: torch.Tensor) -> torch.Tensor:
    """Return the cubic kernel at the distance 1 + t."""
    return SHARPNESS * t * (1 - t) * (1 - t)
