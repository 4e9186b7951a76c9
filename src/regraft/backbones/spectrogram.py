"""How a recording becomes pictures: log-mel spectrograms, which networks for images can look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.sounds import decode
from regraft.errors import UnreadableSound, UsageError

STEP = 0.010
"""Seconds between two looks at how loud it is, where silence is sought; each look takes twice as long."""

WIDTH = 6.0
"""Standard deviations from black to white."""

# Measured on spoken_digits, takes 8 to 39 (Lite0 at 160 pixels, blocks.4 averaged over time, logistic head): accuracy
# by take (two folds), on a speaker never heard (mean over four), and on the third of three speakers.
#
#   8 kHz, the picture's own mean and deviation      0.981  0.455
#   16 kHz, so that speech keeps the lower 3/4       0.981  0.558  0.452
#   and less each band's mean                        0.981  0.596  0.513
#   and silence cut off, below 35 dB                 0.981  0.624  0.565
#   below 25 dB, which is what is taken              0.984  0.641  0.590
#   and frames of 25 ms in place of 32               0.984  0.663  0.595
#   and divided by each band's deviation (35 dB)     0.980  0.599  0.551
#   padded to a second, not stretched (with 16 kHz)  0.973  0.539
#
# Judged on the other three speakers alone, the bands' means and the cut at 35 dB are better for each speaker held out;
# the cut at 25 dB is not for one of them, and the frames make no difference.


@dataclass(frozen=True)
class Spectrogram:
    """The settings by which a recording becomes pictures.

    Parameters
    ----------
    rate : int
        Samples a second that are looked at; recordings of other rates are resampled.
    seconds : float
        Length of one picture's window; a shorter recording is one picture, as long as it is.
    windows : int
        Most pictures of one recording; of a longer one they are spread evenly over it.
    mels : int
        Bands, the rows of a picture.
    low, high : float
        Hertz of the lowest and the highest band's edge.
    frame, hop : float
        Seconds that a column looks at, and between two columns.
    depth : float
        Decibels below the loudest band that count; what is fainter is cut off.
    silence : float
        Before the first and after the last moment that is within so many decibels of the loudest, there is silence,
        which is left out.

    Raises
    ------
    UsageError
        If a setting is out of range.

    Notes
    -----
    Each band's mean over the recording is subtracted, which takes out most of the microphone, the room and the
    timbre of a voice: a constant filter adds a constant to a band's decibels.

    References
    ----------
    B. Atal, "Effectiveness of linear prediction characteristics of the speech wave for automatic speaker
    identification and verification", 1974 (subtracting the mean).
    S. Hershey et al., "CNN architectures for large-scale audio classification", 2017 (log-mel pictures).
    """

    rate: int = 16_000
    seconds: float = 4.0
    windows: int = 8
    mels: int = 128
    low: float = 50.0
    high: float = 8_000.0
    frame: float = 0.025
    hop: float = 0.004
    depth: float = 80.0
    silence: float = 25.0

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, name) <= most:
                raise UsageError(
                    f"{name} of a spectrogram must be from {least:g} to {most:g}, not {getattr(self, name)}."
                )
        if not self.low < self.high <= self.rate / 2:
            raise UsageError(
                f"high of a spectrogram must be above low ({self.low:g} Hz) and at most half the rate "
                f"({self.rate / 2:g} Hz), not {self.high:g}."
            )

    def listen(self, raw: bytes | np.ndarray) -> list[npt.NDArray[np.uint8]]:
        """Draw an encoded recording, as `pictures` does.

        Parameters
        ----------
        raw : bytes
            A file's; `regraft.data.sounds.decode` reads it.

        Raises
        ------
        UnreadableSound
            With the reason, in a few words.
        """
        if not isinstance(raw, bytes):
            raise UnreadableSound("an array is no recording; give samples together with their rate")
        return self.pictures(*decode(raw, self.rate))

    def pictures(self, samples: npt.NDArray[np.float32], rate: int) -> list[npt.NDArray[np.uint8]]:
        """Draw a recording: low tones below, time to the right, loud is bright.

        Parameters
        ----------
        samples : float32 array of shape (n,)
            One channel, at `rate`.
        rate : int
            Must be the spectrogram's own; `regraft.data.sounds.decode` resamples.

        Returns
        -------
        list of uint8 arrays of shape (mels, frames, 3)
            One a window, all three channels equal. Digital silence is a grey picture.

        Raises
        ------
        UsageError
            If the rate is another, or there are no samples.
        """
        if rate != self.rate:
            raise UsageError(f"The recording must come at {self.rate} samples a second, not {rate}; resample it.")
        if samples.ndim != 1 or not samples.size:
            raise UsageError(f"Samples must be an array of shape (n,), one or more, not {samples.shape}.")
        bands = [self._bands(window) for window in self._cut(self._heard(samples))]
        everything = np.concatenate(bands, axis=1)
        floor = everything.max() - self.depth
        everything = np.maximum(everything, floor)
        mean = everything.mean(axis=1, keepdims=True)
        scale = WIDTH * float((everything - mean).std()) + 1e-6
        return [_drawn((np.maximum(window, floor) - mean) / scale) for window in bands]

    def _heard(self, samples: np.ndarray) -> np.ndarray:
        """Leave out the silence at both ends."""
        step = round(STEP * self.rate)
        count = len(samples) // step
        if count < 2:
            return samples
        energy = np.square(samples[: count * step], dtype=np.float64).reshape(count, step).sum(axis=1)
        energy = energy[1:] + energy[:-1]
        loud = np.flatnonzero(energy >= energy.max() * 10 ** (-self.silence / 10))
        end = len(samples) if loud[-1] == count - 2 else (loud[-1] + 2) * step
        return samples[loud[0] * step : end]

    def _cut(self, samples: np.ndarray) -> list[np.ndarray]:
        """Cut into windows that follow each other, the last one ending where the recording does."""
        length = round(self.seconds * self.rate)
        spare = len(samples) - length
        if spare <= 0:
            return [samples]
        count = min(self.windows, 1 + -(-spare // length))
        # A single window looks at the middle.
        starts = np.linspace(0, spare, count) if count > 1 else np.array([spare / 2])
        return [samples[start : start + length] for start in np.rint(starts).astype(int)]

    def _bands(self, samples: np.ndarray) -> npt.NDArray[np.float32]:
        """Return the decibels (mels, frames) of a window."""
        size = round(self.frame * self.rate)
        hop = max(1, round(self.hop * self.rate))
        padded = np.pad(samples.astype(np.float32), (size // 2, size // 2 + hop))
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
        points = 2 ** int(np.ceil(np.log2(2 * size)))
        spectrum = np.fft.rfft(frames * np.hanning(size).astype(np.float32), points)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bands = filters(self.mels, self.rate, points, self.low, self.high) @ power.T.astype(np.float32)
        return (10 * np.log10(bands + 1e-10)).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Spectrogram:
        """Rebuild from `to_dict`."""
        return cls(**values)


_BOUNDS = {
    "rate": (2_000, 192_000),
    "seconds": (0.1, 60),
    "windows": (1, 64),
    "mels": (16, 256),
    "low": (0, 20_000),
    "frame": (0.005, 0.5),
    "hop": (0.001, 0.1),
    "depth": (10, 120),
    "silence": (5, 120),
}


def _drawn(values: np.ndarray) -> npt.NDArray[np.uint8]:
    """Turn deviations (mels, frames) into grey values, low tones below."""
    grey = np.rint(255 * np.clip(0.5 + values[::-1], 0, 1)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


@cache
def filters(mels: int, rate: int, points: int, low: float, high: float) -> npt.NDArray[np.float32]:
    """Return triangular filters (mels, points // 2 + 1) evenly spaced on the mel scale, each of sum 1.

    References
    ----------
    S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in
    continuously spoken sentences", 1980 (the filters); D. O'Shaughnessy, "Speech communication", 1987 (the scale).
    """
    edges = 700 * (10 ** (np.linspace(_mel(low), _mel(high), mels + 2) / 2595) - 1)
    tones = np.fft.rfftfreq(points, 1 / rate)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = np.maximum(0, np.minimum((tones - left) / (middle - left), (right - tones) / (right - middle)))
    # Where bands are narrower than the steps between tones, a band takes the tone next to it.
    for band in np.flatnonzero(weights.sum(axis=1) == 0):
        weights[band, np.argmin(np.abs(tones - middle[band]))] = 1
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))
