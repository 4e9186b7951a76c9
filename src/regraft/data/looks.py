"""What an image is like before any network sees it: its bytes, its size, and a thumbnail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 32
"""Pixels of a thumbnail's side."""


@dataclass(frozen=True, eq=False)
class Looks:
    """The plain looks of n images.

    Parameters
    ----------
    digests : tuple of str, length n
        Sha256 of each image's bytes, or of its array.
    sizes : int array of shape (n,)
        Bytes of each file; 0 where the image is an array.
    shapes : int array of shape (n, 2)
        Height and width in pixels, upright.
    thumbnails : uint8 array of shape (n, 32, 32, 3)
        Each image shrunk to a square, its aspect lost: red, green, blue. Of a recording, its spectrogram; of a text,
        nothing but zeros.
    texts : tuple of str, length n, or None
        Where the examples are texts: their beginnings.
    """

    digests: tuple[str, ...]
    sizes: npt.NDArray[np.int64]
    shapes: npt.NDArray[np.int64]
    thumbnails: npt.NDArray[np.uint8]
    texts: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.digests)

    def take(self, index: npt.ArrayLike) -> Looks:
        """Return the looks of the images at `index` (integers)."""
        index = np.asarray(index)
        digests = tuple(self.digests[int(i)] for i in index)
        texts = None if self.texts is None else tuple(self.texts[int(i)] for i in index)
        return Looks(digests, self.sizes[index], self.shapes[index], self.thumbnails[index], texts)


def thumbnail_of(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the thumbnail (32, 32, 3) of an image (h, w, 3)."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
