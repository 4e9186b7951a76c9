"""The looks of images, computed while they are decoded for the networks, and kept by content like features."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from regraft.data.images import decode, stored_shape
from regraft.data.looks import SIDE, Looks, thumbnail_of
from regraft.features.cache import FeatureCache

_NUMBERS = struct.Struct("<qqq")
_THUMBNAIL = (SIDE, SIDE, 3)


class LooksLane:
    """A pass's way to the looks of its images.

    Parameters
    ----------
    n : int
        Images of the pass.
    root : Path
        The cache folder.
    modality : {"image", "audio"}
        Of recordings, the looks are those of the spectrogram of their first window.
    """

    def __init__(self, n: int, root: Path, modality: str = "image") -> None:
        self.modality = modality
        kept = {"backbone": "looks", "preprocessing": {"size": SIDE, "resize": "stretch"}}
        self.store = FeatureCache(kept if modality == "image" else {**kept, "modality": modality}, root)
        self._digests = [""] * n
        self._numbers = np.zeros((n, 3), np.int64)
        self._thumbnails = np.zeros((n, *_THUMBNAIL), np.uint8)

    def found(self, digest: str) -> np.ndarray | None:
        """Return what is kept of an image."""
        return self.store.get(digest)

    def look(self, digest: str, raw: bytes | np.ndarray, image: np.ndarray | None) -> np.ndarray:
        """Return the packed looks of an image, and keep them.

        Parameters
        ----------
        digest : str
        raw : bytes or array
            As it is stored.
        image : uint8 array of shape (h, w, 3) or None
            Decoded, at whatever scale, where it is at hand.

        Raises
        ------
        UnreadableImage
        """
        size = 0 if isinstance(raw, np.ndarray) else len(raw)
        shape: tuple[int, int]
        if self.modality == "audio":
            from regraft.backbones.spectrogram import Spectrogram
            from regraft.data.sounds import seconds

            assert isinstance(raw, bytes)
            image = Spectrogram().listen(raw)[0] if image is None else image
            shape = round(1000 * seconds(raw)), 1
        else:
            image = decode(raw, 3 * SIDE) if image is None else image
            shape = stored_shape(raw)
        packed = _NUMBERS.pack(size, *shape) + thumbnail_of(image).tobytes()
        values = np.frombuffer(packed, np.float32)
        self.store.put(digest, values)
        return values

    def place(self, position: int, digest: str, values: np.ndarray) -> None:
        """Take the packed looks of the image at a position."""
        packed = values.tobytes()
        self._digests[position] = digest
        self._numbers[position] = _NUMBERS.unpack_from(packed)
        self._thumbnails[position] = np.frombuffer(packed, np.uint8, offset=_NUMBERS.size).reshape(_THUMBNAIL)

    def looks(self, index: np.ndarray) -> Looks:
        """Return the looks of the images at `index`, those that could be read."""
        everything = Looks(tuple(self._digests), self._numbers[:, 0], self._numbers[:, 1:], self._thumbnails)
        return everything if len(index) == len(everything) else everything.take(index)
