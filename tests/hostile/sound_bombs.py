"""Recordings that claim any rate, length and number of channels, and one of a billion samples."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np

from hostile.mutations import Random
from hostile.seeds import seeds


def claimed_wav(rng: Random) -> bytes:
    """A WAV of 0 or 2^32-1 Hz, 65,535 channels, 4 GB, any width of samples."""
    rate = (0, 1, 16_000, 767_999, 2**32 - 1)[int(rng.integers(5))]
    channels = (0, 1, 2, 1024, 65_535)[int(rng.integers(5))]
    bits = (0, 8, 16, 24, 32, 64, 65_535)[int(rng.integers(7))]
    size = (0, 400, 2**31, 2**32 - 2, 2**32 - 1)[int(rng.integers(5))]
    form = (1, 3, 6, 7, 17, 49, 85, 0xFFFE)[int(rng.integers(8))]
    head = struct.pack("<HHIIHH", form, channels, rate, rate * 2 % 2**32, channels * bits // 8 % 2**16, bits)
    body = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + rng.bytes(400)
    return b"RIFF" + struct.pack("<I", (len(body) + 4, 2**32 - 1, 0)[int(rng.integers(3))]) + b"WAVE" + body


@cache
def _silent_flac() -> bytes:
    import soundfile

    target = io.BytesIO()
    with soundfile.SoundFile(target, "w", 192_000, 8, "PCM_16", format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros((1_920_000, 8), np.int16))
    return target.getvalue()


def silent_flac(rng: Random) -> bytes:
    """Ten minutes of silence in eight channels at 192 kHz: a billion samples."""
    return _silent_flac()


def claimed_flac(rng: Random) -> bytes:
    """A FLAC that claims up to 2^36 samples, at any rate, in any number of channels."""
    made = bytearray(seeds("flac")[int(rng.integers(2))])
    made[18:26] = struct.pack(">Q", int(rng.integers(2**63)) * 2 | 0xFFFFFFFFF)
    return bytes(made)
