"""What a page shows of an example: an image's thumbnail, a text's beginning, a recording's spectrogram and player."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import RegraftError, Unreadable

LETTERS = 300
"""Characters of a text that a page shows."""

RATE, SECONDS = 16_000, 4.0
"""Samples a second of what a page plays, in one channel of 16 bits, and how long that is at most: 128 kB."""

PLAYED = 8 * 2**20
"""Bytes of sound that a page holds at most; after them, recordings have a spectrogram and no player."""


@dataclass(frozen=True)
class Exhibit:
    """An example as a page shows it; all three are None where it cannot be read any more.

    Parameters
    ----------
    uri : str or None
        A picture as a data URI: the image itself, or a recording's spectrogram.
    words : str or None
        The beginning of a text.
    sound : str or None
        The beginning of a recording as a data URI.
    """

    uri: str | None = None
    words: str | None = None
    sound: str | None = None


LOST = Exhibit()


class Exhibits:
    """Shows examples of one modality on one page, and keeps count of how much sound it has given away.

    Parameters
    ----------
    modality : {"image", "text", "audio"}
    played : int
        Bytes of sound that the page may hold.
    """

    def __init__(self, modality: str, played: int = PLAYED) -> None:
        self.modality = modality
        self._left = played

    def show(self, example: Any, side: int) -> Exhibit:
        """Return an example as a page shows it.

        Parameters
        ----------
        example : Path, bytes, str, array or Row
        side : int
            Pixels of a picture's longest side at most.
        """
        try:
            if self.modality == "text":
                return Exhibit(words=beginning(example))
            if self.modality == "audio":
                return self._recording(example, side)
            return Exhibit(uri=data_uri(example, side))
        except RegraftError:
            # The file was there a minute ago; a report without one picture is better than none.
            return LOST

    def _recording(self, example: Any, side: int) -> Exhibit:
        from regraft.data.images import read_bytes
        from regraft.data.sounds import decode

        samples, rate = decode(_bytes(read_bytes(example)), RATE, SECONDS)
        sound = "data:audio/wav;base64," + _base64(_wav(samples, rate))
        if len(sound) > self._left:
            return Exhibit(uri=_spectrogram(samples, rate, side))
        self._left -= len(sound)
        return Exhibit(uri=_spectrogram(samples, rate, side), sound=sound)


def beginning(example: Any, letters: int = LETTERS) -> str:
    """Return the first words of a text on one line, with an ellipsis where it goes on.

    Raises
    ------
    UnreadableText
        If it cannot be read.
    """
    from regraft.data.images import read_bytes
    from regraft.data.texts import decode

    words = " ".join(decode(read_bytes(example)).split())
    if len(words) <= letters:
        return words
    cut = words[:letters]
    # A word is not torn apart, unless it is as long as some scripts' sentences, which have no spaces.
    at = cut.rfind(" ")
    return (cut[:at] if at > letters // 2 else cut) + " …"


def data_uri(example: Any, side: int) -> str | None:
    """Return an image's thumbnail as a data URI; None where it cannot be read any more."""
    from regraft.data.images import read_bytes, thumbnail

    try:
        return jpeg_uri(thumbnail(read_bytes(example), side))
    except Unreadable:
        return None


def jpeg_uri(jpeg: bytes) -> str:
    """Return an encoded JPEG as a data URI."""
    return "data:image/jpeg;base64," + _base64(jpeg)


def _bytes(raw: bytes | np.ndarray) -> bytes:
    return raw if isinstance(raw, bytes) else raw.tobytes()


def _spectrogram(samples: npt.NDArray[np.float32], rate: int, side: int) -> str:
    """Return the spectrogram of one window in colours, as a data URI: low tones below, time to the right."""
    import cv2

    from regraft.backbones.spectrogram import Spectrogram

    drawn = Spectrogram(rate=rate, seconds=SECONDS).pictures(samples, rate)[0][:, :, 0]
    # Time is stretched to the frame's width: a page shows what a sound is like, not how long it is.
    drawn = cv2.resize(np.ascontiguousarray(drawn), (side, 3 * side // 4), interpolation=cv2.INTER_AREA)
    coloured = cv2.applyColorMap(drawn, cv2.COLORMAP_MAGMA)
    return jpeg_uri(cv2.imencode(".jpg", coloured, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())


def _wav(samples: npt.NDArray[np.float32], rate: int) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return target.getvalue()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
