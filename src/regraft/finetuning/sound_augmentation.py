"""How a recording's pictures are varied for training; the same seed gives the same view in any thread."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.preprocessing import Preprocessing
from regraft.errors import UsageError

GREY = 128
"""What a mask leaves: the mean of each band."""

KNOTS = 6
"""Of the smooth curve that raises some tones and lowers others."""


@dataclass(frozen=True)
class SoundAugmentation:
    """Random changes of a recording that leave its class as it is; as it comes, none at all.

    They act on the log-mel picture, where each of them is a simple change: another microphone is a constant a band,
    another voice a shift and stretch of the tone axis.

    Parameters
    ----------
    pitch : float
        Share of the tone axis by which all tones are shifted at most, up or down.
    tract : float
        The tone axis is stretched by 1 - tract to 1 + tract, as by a longer or shorter vocal tract.
    shift : float
        Share of the window by which it is shifted in time at most, either way.
    tempo : float
        Time is stretched by 1 - tempo to 1 + tempo.
    equalizer : float
        Standard deviation of a smooth curve of gains over the tone axis, as a share of black to white.
    contrast : float
        How much loud and faint differ is scaled by 1 - contrast to 1 + contrast.
    noise : float
        Largest standard deviation of the noise that is added, as a share of black to white.
    masks : int
        Bands of tones, and as many spans of time, that are greyed out.
    mask : float
        Share of the side that each of these covers at most.

    Raises
    ------
    UsageError
        If a strength is out of range.

    References
    ----------
    N. Jaitly and G. Hinton, "Vocal tract length perturbation (VTLP) improves speech recognition", 2013.
    D. Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition", 2019 (masks).
    """

    pitch: float = 0.0
    tract: float = 0.0
    shift: float = 0.0
    tempo: float = 0.0
    equalizer: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0
    masks: int = 0
    mask: float = 0.15

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"{name} must be from 0 to {most:g}, not {getattr(self, name)}.")

    @property
    def off(self) -> bool:
        """Whether nothing is changed."""
        return not any(getattr(self, name) for name in _MOST if name != "mask")

    @property
    def description(self) -> str:
        """What is changed and how much, in words; "" where nothing is."""
        words = [text.format(100 * getattr(self, name)) for name, text in _WORDS.items() if getattr(self, name)]
        if self.masks:
            words.append(f"masked {self.masks}x in tones and time, up to {100 * self.mask:g}% of the side each")
        return ", ".join(words)

    def short_side(self, preprocessing: Preprocessing) -> int:
        """Return the pixels of the short side that the picture needs: no more than without augmentation."""
        return preprocessing.short_side

    def view(self, image: npt.NDArray[np.uint8], preprocessing: Preprocessing, seed: int) -> npt.NDArray[np.uint8]:
        """Return one random variant of a recording's picture, as the network is to see it.

        Parameters
        ----------
        image : uint8 array of shape (mels, frames, 3)
            Of `Spectrogram.pictures`: three equal channels.
        preprocessing : Preprocessing
        seed : int
            From 0 on; the same seed gives the same view.

        Returns
        -------
        uint8 array of shape (size, size, 3)
        """
        plain = preprocessing.apply(image)
        if self.off:
            return plain
        draw = np.random.default_rng(seed)
        view = self._warp(plain[:, :, 0].astype(np.float32), draw) - GREY
        view *= 1 + draw.uniform(-self.contrast, self.contrast)
        if self.equalizer:
            view += _smooth(draw.normal(0, 255 * self.equalizer, KNOTS), len(view))
        if self.noise:
            view += draw.normal(0, 255 * draw.uniform(0, self.noise), view.shape)
        for _ in range(self.masks):
            view[_span(draw, self.mask, len(view))] = 0
            view[:, _span(draw, self.mask, len(view))] = 0
        grey = np.clip(np.rint(view + GREY), 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)

    def _warp(self, view: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """Shift and stretch both axes in one step; what comes in at the edges repeats the edge."""
        import cv2

        size = len(view)
        strengths = np.array([self.shift, self.pitch, self.tempo, self.tract])
        draws = draw.uniform(-1, 1, 4) * strengths
        zoom, centre = 1 + draws[2:], (size - 1) / 2
        offset = centre - zoom * centre + draws[:2] * size
        matrix = np.column_stack([np.diag(zoom), offset])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(view, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def _smooth(knots: np.ndarray, size: int) -> npt.NDArray[np.float32]:
    """Return a smooth curve (size, 1) through some knots."""
    import cv2

    return cv2.resize(knots.astype(np.float32)[:, None], (1, size), interpolation=cv2.INTER_CUBIC).reshape(size, 1)


def _span(draw: np.random.Generator, share: float, size: int) -> slice:
    width = int(draw.uniform(0, share) * size)
    start = int(draw.integers(0, size - width + 1))
    return slice(start, start + width)


_MOST = {
    "pitch": 0.5,
    "tract": 0.5,
    "shift": 1,
    "tempo": 0.9,
    "equalizer": 0.5,
    "contrast": 0.9,
    "noise": 0.5,
    "masks": 10,
    "mask": 0.5,
}

_WORDS = {
    "pitch": "shifted in pitch by up to {:g}% of the tone axis",
    "tract": "stretched in tone by up to {:g}%",
    "shift": "shifted in time by up to {:g}% of the window",
    "tempo": "stretched in time by up to {:g}%",
    "equalizer": "equalised at random by {:g}% of black to white",
    "contrast": "changed in loudness range by up to {:g}%",
    "noise": "with noise of up to {:g}% of black to white",
}

SOUND_PRESETS = {
    "none": SoundAugmentation(),
    "light": SoundAugmentation(shift=0.05, tempo=0.05, contrast=0.1, noise=0.03, masks=1, mask=0.1),
    "strong": SoundAugmentation(
        pitch=0.06, tract=0.1, shift=0.08, tempo=0.1, equalizer=0.05, contrast=0.2, noise=0.05, masks=1, mask=0.15
    ),
}
"""The strengths that have a name; "strong" is for voices and instruments never heard in training."""


def sound_preset(name: str) -> SoundAugmentation:
    """Return an augmentation of recordings by name.

    Parameters
    ----------
    name : {"none", "light", "strong"}

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in SOUND_PRESETS:
        raise UsageError(f"--augment must be one of {', '.join(SOUND_PRESETS)} for recordings, not {name!r}.")
    return SOUND_PRESETS[name]
