"""Sounds that are made on the spot, to try on a classifier what it has never heard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

EACH = 20
"""Sounds of each kind."""

RATE = 16_000
SECONDS = 1.0


def strange_sounds(seed: int = 0) -> tuple[list[bytes], list[str]]:
    """Return some 60 recordings that have little to do with anybody's classes: noise, chords, and sweeps.

    Parameters
    ----------
    seed : int
        Draws them.

    Returns
    -------
    recordings : list of bytes
        WAV files.
    names : list of str
        A kind ("noise", "chord", "sweep"), a space, and which of it.
    """
    from regraft.data.sounds import encode

    rng = np.random.default_rng(seed)
    found = [*_noises(rng), *_chords(rng), *_sweeps(rng)]
    return [encode(samples, RATE) for _, samples in found], [name for name, _ in found]


def _noises(rng: np.random.Generator) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    n = int(RATE * SECONDS)
    pitch = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 1)
    for number in range(EACH):
        # From white to brown: the power falls with the pitch to some exponent.
        shaped = np.fft.rfft(rng.normal(size=n)) / pitch ** rng.uniform(0, 1)
        yield f"noise {number}", _loud(np.fft.irfft(shaped, n))


def _chords(rng: np.random.Generator) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    time = np.arange(int(RATE * SECONDS)) / RATE
    for number in range(EACH):
        pitches = rng.uniform(100, 3000, int(rng.integers(1, 5)))
        yield f"chord {number}", _loud(np.sin(2 * np.pi * pitches[:, None] * time).sum(axis=0))


def _sweeps(rng: np.random.Generator) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    time = np.arange(int(RATE * SECONDS)) / RATE
    for number in range(EACH):
        start, end = rng.uniform(100, 4000, 2)
        yield f"sweep {number}", _loud(np.sin(2 * np.pi * (start * time + (end - start) * time**2 / (2 * SECONDS))))


def _loud(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)
