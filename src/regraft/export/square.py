"""An image of any size to the square that a network sees, as arithmetic that every engine knows."""

from __future__ import annotations

import torch
from torch import nn

from regraft.backbones.preprocessing import Preprocessing

SHARPNESS = -0.75
"""Of the cubic kernel that enlarges, as in OpenCV."""

STEPS = 2048
"""In which OpenCV counts what a neighbour counts, where it enlarges bilinearly."""


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
        self.cubic = preprocessing.interpolation == "bicubic"
        # A crop's sides shrink or grow both; where one may shrink and the other grow, pixels are rounded in between.
        self.at_once = self.cubic and preprocessing.resize == "crop"

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
        if not self.at_once:
            pixels = self._enlarged(pixels, height, width)
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
        # What grows in a step of its own stays as it is here: `_enlarged` comes after.
        average = self._average(at, torch.clamp(length, min=self.preprocessing.size))
        if not self.at_once:
            return average
        return torch.where(length >= self.preprocessing.size, average, self._cubic(at, length))

    def _average(self, at: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        # In parts of a pixel, `size` to each; the square's pixels are `length` parts long.
        size = self.preprocessing.size
        start = self._places()[:, None] * length
        overlap = torch.minimum(start + length, (at + 1) * size) - torch.maximum(start, at * size)
        return torch.clamp(overlap, min=0).float() / length.float()

    def _cubic(self, at: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        before, t = self._between(length)
        first, second, third = _far(t), _near(t), _near(1 - t)
        taps = [(-1, first), (0, second), (1, third), (2, 1 - first - second - third)]
        # What would lie outside is the pixel at the edge.
        nearest = [torch.minimum(torch.clamp(before + offset, min=0), length - 1) for offset, _ in taps]
        parts = [w[:, None] * (n[:, None] == at).float() for n, (_, w) in zip(nearest, taps, strict=True)]
        return torch.stack(parts).sum(0)

    def _enlarged(self, pixels: torch.Tensor, height: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
        """Draw the corner of pixels (n, 3, size, size) that is `height` x `width` out to the whole."""
        height, width = (torch.clamp(length, max=self.preprocessing.size) for length in (height, width))
        if not self.cubic:
            return self._linear(pixels, height, width)
        places = self._places()
        found = self._cubic(places, height) @ pixels @ self._cubic(places, width).T
        return torch.clamp(torch.round(found), 0, 255)

    def _linear(self, pixels: torch.Tensor, height: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
        # In the whole numbers of OpenCV, which cuts off what is left of each product.
        above, below, down = self._line(height)
        left, right, across = self._line(width)
        found = torch.zeros_like(pixels)
        for rows, share in ((above, STEPS - down), (below, down)):
            line = pixels.index_select(2, rows)
            mixed = line.index_select(3, left) * (STEPS - across) + line.index_select(3, right) * across
            found = found + torch.floor(torch.floor(mixed / 16) * share[:, None] / 65536)
        return torch.floor((found + 2) / 4)

    def _line(self, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the pixel before each place, the one behind it, and what the latter counts in `STEPS`."""
        before, t = self._between(length)
        inside = (before >= 0) & (before < length - 1)
        first = torch.minimum(torch.clamp(before, min=0), length - 1)
        second = torch.minimum(first + 1, length - 1)
        return first, second, torch.where(inside, torch.round(t * STEPS), torch.zeros_like(t))

    def _between(self, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pixel before each place of a side that grows, and how far behind it the place is, 0..1."""
        whole = 2 * self.preprocessing.size
        x = (2 * self._places() + 1) * length - self.preprocessing.size
        # Engines divide whole numbers below 0 each in its own way.
        before = torch.div(x + whole, whole, rounding_mode="floor") - 1
        return before, (x - before * whole).float() / whole

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
