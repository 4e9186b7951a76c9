"""Examples that are there more than once: the same bytes, the same picture saved again, or almost the same text.

References
----------
C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010 (the hash of cosine transforms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.auditing import texts
from regraft.auditing.findings import Group
from regraft.data.dataset import Dataset
from regraft.data.looks import SIDE, Looks

BITS = 63
"""Bits of a hash: the 8 x 8 lowest frequencies but for the mean."""

HAMMING = 8
"""Most bits by which the hashes of two copies differ."""

SHARE, SPREAD = 0.04, 0.25
"""Largest squared distance of two copies' thumbnails, of length one, in units of the data's own spread.

What all images of a set share, such as a solar cell's bars or a studio's background, is no sign of a copy, so the
distance must be small against how far images lie from their mean. That spread is near 1 in sets of photos; it is
taken as `SPREAD` at least, or nothing would be alike where the whole set is one picture.
"""

COSINE = 0.45
"""Least cosine of two copies' features."""

# Measured on one altered copy (JPEG quality 30 to 95, 0.4 to 1.5 times the size, or both) of 250 to 300 images a set:
#
#                copies found   pairs found in the set itself
#   flowers      300 of 300     1, of the same bytes
#   cats_dogs    300 of 300     0
#   hotdog       250 of 250     0
#   dog_breeds   300 of 300     0
#   signs        282 of 300     43, of them 41 of the same bytes; 64 x 64 pixels leave little to tell a copy by
#   elpv         298 of 300     103 groups of 176 + 103 cells: neighbouring slices of one block of silicon, which
#                               look the same to people too
#
# Resized without any smoothing (nearest neighbour), 4 of 31 copies in hotdog were missed.

CHUNK = 256
"""Images compared with all others at once: memory stays flat however many there are."""

CLOSEST = 32
"""Candidates of one image that are looked at: enough to join a group, and no set of look-alikes takes forever."""


def duplicates(dataset: Dataset, looks: Looks, values: npt.NDArray[np.float32] | None = None) -> tuple[Group, ...]:
    """Return the groups of examples that are copies of one another, the largest first.

    Parameters
    ----------
    dataset : Dataset
        n examples, for their names and labels.
    looks : Looks
        Of the same n examples.
    values : float32 array of shape (n, d), optional
        Features, by which images that look alike are confirmed.
    """
    groups = [_group(dataset, looks, members) for members in copies(looks, values)]
    return tuple(sorted(groups, key=lambda group: (group.kind, -len(group.positions), group.positions)))


def copies(looks: Looks, values: npt.NDArray[np.float32] | None = None) -> list[npt.NDArray[np.intp]]:
    """Return the positions of each set of copies, two or more of them, in rising order."""
    _, first, of_digest = np.unique(looks.digests, return_index=True, return_inverse=True)
    if looks.texts is None:
        joined = _near(looks.thumbnails[first], values, first)
    else:
        joined = texts.near([looks.texts[i] for i in first])
    home = joined[of_digest]
    order = np.argsort(home, kind="stable")
    edges = np.flatnonzero(np.diff(home[order])) + 1
    return [members for members in np.split(order, edges) if len(members) > 1]


def hashes(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the perceptual hash (n, 63) of thumbnails (n, 32, 32, 3), each bit -1 or 1."""
    grey = thumbnails @ np.array([0.299, 0.587, 0.114], np.float32)
    frequencies = np.arange(8)[:, None]
    cosines = np.cos(np.pi * (2 * np.arange(SIDE) + 1) * frequencies / (2 * SIDE)).astype(np.float32)
    spectrum = (cosines @ grey @ cosines.T).reshape(len(grey), -1)[:, 1:]
    middle = np.median(spectrum, axis=1, keepdims=True)
    return np.where(spectrum > middle, np.float32(1), np.float32(-1))


def _near(
    thumbnails: npt.NDArray[np.uint8], values: npt.NDArray[np.float32] | None, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Return for each of m different images the set of near duplicates that it belongs to, a number (m,)."""
    bits = hashes(thumbnails)
    looks = _Thumbnails(thumbnails)
    bits[looks.empty] = 0  # agrees with nothing
    home = np.arange(len(bits))
    for start in range(0, len(bits), CHUNK):
        if np.ptp(home) == 0:
            break  # all are one picture already
        agreement = bits[start : start + CHUNK] @ bits[start:].T
        for left, right in _candidates(agreement, start, home):
            apart = home[left] != home[right]
            left, right = left[apart], right[apart]
            alike = looks.alike(left, right)
            if values is not None:
                alike &= _cosine(values[rows[left]], values[rows[right]]) >= COSINE
            left, right = left[alike], right[alike]
            for a, b in zip(left, right, strict=True):
                if home[a] != home[b]:
                    home[home == home[b]] = home[a]
    return home


def _candidates(
    agreement: npt.NDArray[np.float32], start: int, home: npt.NDArray[np.intp]
) -> Sequence[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Return batches of pairs with like hashes that no chain of copies joins yet."""
    least = BITS - 2 * HAMMING
    close = agreement >= least
    close &= np.arange(close.shape[1]) > np.arange(len(close))[:, None]
    close &= home[start : start + len(close), None] != home[None, start:]
    crowded = np.flatnonzero(close.sum(axis=1) > CLOSEST)
    if len(crowded):
        close[crowded] = _closest(close[crowded], agreement[crowded])
    left, right = np.nonzero(close)
    return [(left[i : i + CHUNK] + start, right[i : i + CHUNK] + start) for i in range(0, len(left), CHUNK)]


def _closest(close: npt.NDArray[np.bool_], agreement: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Keep `CLOSEST` candidates of each row, those whose hashes agree most."""
    for bits in reversed(range(HAMMING)):
        closer = close & (agreement >= BITS - 2 * bits)
        close = np.where((closer.sum(axis=1) >= CLOSEST)[:, None], closer, close)
    return close & (close.cumsum(axis=1, dtype=np.int32) <= CLOSEST)


class _Thumbnails:
    """Thumbnails of mean 0 and length one, and how far each lies from the mean of them all."""

    def __init__(self, thumbnails: npt.NDArray[np.uint8]) -> None:
        self._pixels = thumbnails.reshape(len(thumbnails), -1)
        self._mean = self._pixels.mean(axis=1, dtype=np.float32)[:, None]
        size = np.empty(len(thumbnails), np.float32)
        total = np.zeros(self._pixels.shape[1], np.float32)
        for start in range(0, len(size), CHUNK):
            centred = self._pixels[start : start + CHUNK] - self._mean[start : start + CHUNK]
            size[start : start + CHUNK] = np.linalg.norm(centred, axis=1)
            total += (centred / np.maximum(size[start : start + CHUNK, None], 1)).sum(axis=0)
        self.empty = size < np.sqrt(self._pixels.shape[1])  # less than one grey level of contrast
        self._size = np.maximum(size, 1)[:, None]
        common = total / max(len(size), 1)
        chunks = range(0, len(size), CHUNK)
        self._spread = np.concatenate(
            [np.linalg.norm(self._unit(slice(i, i + CHUNK)) - common, axis=1) for i in chunks] or [size]
        )

    def _unit(self, rows: slice | npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        return (self._pixels[rows] - self._mean[rows]) / self._size[rows]

    def alike(self, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Return whether the pictures of each pair (m,) are the same."""
        one, other = self._unit(left), self._unit(right)
        distance = np.square(one - other).sum(axis=1)
        spread = np.clip(self._spread[left] * self._spread[right], SPREAD, 1)
        return distance <= SHARE * spread


def _cosine(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / np.maximum(length, np.finfo(np.float32).tiny)


def _group(dataset: Dataset, looks: Looks, members: npt.NDArray[np.intp]) -> Group:
    digests = {looks.digests[i] for i in members}
    return Group(
        kind="exact" if len(digests) == 1 else "near",
        positions=tuple(int(i) for i in members),
        names=tuple(dataset.names[i] for i in members),
        labels=tuple(dataset.class_names[dataset.y[i]] for i in members),
    )
