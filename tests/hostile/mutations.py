"""How any file is damaged, whatever its kind: bits, lengths, splices, chunks, and numbers in its fields."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

Random = np.random.Generator

HEAD = 256
"""Bytes at the beginning, where most formats have their numbers."""

NUMBERS = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 60_000, 0x7FFFFFFF, 0x80000000)
NUMBERS += (0xFFFFFFFE, 0xFFFFFFFF, 2**33, 2**62, 2**63, 2**64 - 1)
"""What a field is set to: zero, one, the edges of signed and unsigned, and far too many."""


def _place(content: bytes, rng: Random) -> int:
    """Return a position, half of the time near the beginning."""
    end = min(HEAD, len(content)) if rng.random() < 0.5 else len(content)
    return int(rng.integers(max(1, end)))


def bits(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Flip one to sixteen bits."""
    made = bytearray(content)
    for _ in range(int(rng.integers(1, 17)) if made else 0):
        made[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(made)


def truncated(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Leave out the end."""
    return content[: int(rng.integers(len(content) + 1))]


def spliced(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Go on with another file from some place on."""
    other = others[int(rng.integers(len(others)))]
    return content[: _place(content, rng)] + other[_place(other, rng) :]


def repeated(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Repeat a piece, up to 200 times."""
    start = _place(content, rng)
    piece = content[start : start + int(rng.integers(1, 65))]
    return content[:start] + piece * int(rng.integers(2, 200)) + content[start:]


def inserted(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Put random bytes in."""
    start = _place(content, rng)
    return content[:start] + rng.bytes(int(rng.integers(1, 200))) + content[start:]


def deleted(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Take a piece out."""
    start = _place(content, rng)
    return content[:start] + content[start + int(rng.integers(1, 200)) :]


def numbered(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Set one to three fields of 1, 2, 4 or 8 bytes, of either byte order, to an edge of their range."""
    made = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        size, order = 2 ** int(rng.integers(4)), "<>"[int(rng.integers(2))]
        number = NUMBERS[int(rng.integers(len(NUMBERS)))] % 2 ** (8 * size)
        start = _place(content, rng)
        made[start : start + size] = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], number)
    return bytes(made)


def zeroed(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Overwrite a piece with zeros, or with ones."""
    start = _place(content, rng)
    piece = content[start : start + int(rng.integers(1, 400))]
    return content[:start] + (b"\0", b"\xff")[int(rng.integers(2))] * len(piece) + content[start + len(piece) :]


def noise(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Keep the first bytes, by which a file is recognised, and make the rest up."""
    return content[: int(rng.integers(4, 40))] + rng.bytes(int(rng.integers(4000)))


def foreign(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Take a file of another kind under this one's name."""
    return others[int(rng.integers(len(others)))]


def empty(content: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Leave nothing, or next to nothing."""
    return content[: int(rng.integers(3))]


Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]

MUTATIONS: tuple[Mutation, ...] = (
    bits,
    truncated,
    spliced,
    repeated,
    inserted,
    deleted,
    numbered,
    numbered,  # twice as often: a wrong number is what decoders fall over
    zeroed,
    noise,
    foreign,
    empty,
)
