"""Recordings from bytes: any format soundfile knows, any rate, any number of channels, and the limits."""

from __future__ import annotations

import io
import re
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft._optional import import_or_raise
from regraft.errors import UnreadableSound

MAX_SECONDS = 600.0
"""What is listened to of a recording, from its beginning: ten minutes at 16 kHz are 40 MB."""

MAX_NAN = 0.01
"""Share of samples that may be no numbers; so few are taken as silence, more say that the recording is broken."""

MAX_VALUES = 120_000_000
"""Samples of all channels that are read of a recording: ten minutes at 96 kHz in two channels are 115 million."""

BLOCK_VALUES = 2_000_000
"""Samples of all channels that are read at a time."""

BLOCK_SECONDS = 10.0
"""Read and resampled at a time, so that eight channels at 192 kHz need no more memory than one."""

LOUDEST = 1e4
"""Samples of a file are within 1, or a little above it; far beyond they are no sound."""

_COMPLETE = 0.9
"""Share of the promised length that must be there: an MP3 file may hold a little less, as its ends are padded."""

_STREAMED = 0xFFFFFFFF
"""What stands for the size in a WAV file written to a pipe, whose end was not known."""

# What people save under a recording's name.
_STRANGERS = (
    (re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8[79]a|BM.{4}\0\0\0\0|RIFF.{4}WEBP", re.DOTALL), "an image"),
    (re.compile(rb"\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE), "HTML"),
    (re.compile(rb"%PDF"), "PDF"),
    (re.compile(rb"PK\x03\x04"), "a zip archive"),
    (re.compile(rb".{4}ftypM4A|\xff[\xf0\xf1\xf8\xf9]", re.DOTALL), "AAC; save it as WAV, FLAC, OGG or MP3"),
    (re.compile(rb".{4}ftyp|\x1a\x45\xdf\xa3", re.DOTALL), "a video; save its sound as WAV, FLAC, OGG or MP3"),
    (re.compile(rb"\x30\x26\xb2\x75"), "WMA; save it as WAV, FLAC, OGG or MP3"),
    (re.compile(rb"(\xef\xbb\xbf)?[\t\n\r\x20-\x7e\x80-\xff]{8,}\Z"), "text"),
)


def decode(raw: bytes, rate: int | None = None, at_most: float = MAX_SECONDS) -> tuple[npt.NDArray[np.float32], int]:
    """Decode one recording to a single channel, the mean of all it has.

    Parameters
    ----------
    raw : bytes
        An encoded file: WAV, FLAC, OGG (Vorbis or Opus), MP3, AIFF or AU.
    rate : int, optional
        Samples a second that are wanted; default: as they are stored.
    at_most : float
        Seconds; what comes later is not read.

    Returns
    -------
    samples : float32 array of shape (n,)
        Mostly within -1 and 1. Up to 1% of samples that are no numbers become silence.
    rate : int
        Samples a second.

    Raises
    ------
    UnreadableSound
        With the reason, in a few words.
    """
    with _opened(raw) as file:
        stored = file.samplerate
        _check_claim(raw, file)
        wanted = min(file.frames, int(at_most * stored), MAX_VALUES // file.channels)
        samples, broken = _read(file, wanted, rate or stored)
    if not len(samples):
        raise UnreadableSound("no samples (zero length)")
    if broken > MAX_NAN:
        raise UnreadableSound(f"{broken:.0%} of its samples are not numbers")
    return samples, rate or stored


def seconds(raw: bytes) -> float:
    """Return how long a recording is, by its header, without decoding it.

    Raises
    ------
    UnreadableSound
        With the reason, in a few words.
    """
    with _opened(raw) as file:
        _check_claim(raw, file)
        return file.frames / file.samplerate


def encode(samples: npt.ArrayLike, rate: int) -> bytes:
    """Encode samples as a WAV file of 32-bit floats.

    Parameters
    ----------
    samples : array of shape (n,), (n, channels) or (channels, n)
        Floats within -1 and 1, or integers of 8, 16 or 32 bits; the shorter axis is the channels.
    rate : int
        Samples a second.

    Returns
    -------
    bytes

    Raises
    ------
    UnreadableSound
        If these are no samples, or the rate is none.
    """
    soundfile = _soundfile()
    values = np.asarray(samples)
    if values.ndim not in (1, 2) or (values.ndim == 2 and min(values.shape) > 64):
        raise UnreadableSound(
            f"samples must be an array of shape (n,) or (n, channels), got {values.shape}; average or cut it first"
        )
    if not values.size:
        raise UnreadableSound("no samples (zero length)")
    if isinstance(rate, bool) or not 1000 <= rate <= 768_000:
        raise UnreadableSound(f"the rate must be from 1,000 to 768,000 samples a second, got {rate}")
    values = _as_floats(values)
    if values.ndim == 2 and values.shape[0] < values.shape[1]:
        values = values.T
    target = io.BytesIO()
    soundfile.write(target, values, int(rate), format="WAV", subtype="FLOAT")
    return target.getvalue()


def _as_floats(values: np.ndarray) -> npt.NDArray[np.float32]:
    """Scale integers to -1..1, and check that floats are there or near."""
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - np.float32(128)) / np.float32(128)
    if values.dtype in (np.int8, np.int16, np.int32):
        return values.astype(np.float32) / np.float32(-float(np.iinfo(values.dtype).min))
    if values.dtype.kind != "f":
        raise UnreadableSound(
            f"samples must be floats within -1 and 1, or integers of 8, 16 or 32 bits, got {values.dtype}; convert them"
        )
    finite = values[np.isfinite(values)]
    if finite.size and np.abs(finite).max() > LOUDEST:
        raise UnreadableSound(
            f"samples as floats must be within -1 and 1, got {np.abs(finite).max():.3g}; divide by their full scale"
        )
    return values.astype(np.float32)


def _soundfile() -> ModuleType:
    return import_or_raise("soundfile", "sound")


def _opened(raw: bytes) -> Any:
    soundfile = _soundfile()
    if not raw:
        raise UnreadableSound("empty (0 bytes)")
    for signature, name in _STRANGERS:
        if signature.match(raw[:1024]):
            raise UnreadableSound(f"not a recording (looks like {name})")
    try:
        return soundfile.SoundFile(io.BytesIO(raw))
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise UnreadableSound(f"not a recording, or of an unknown format ({_said(error)})") from None


def _said(error: Exception) -> str:
    """Return what libsndfile says, without the name of the buffer it read."""
    return getattr(error, "error_string", str(error)).rstrip(". ")


def _check_claim(raw: bytes, file: Any) -> None:
    """Refuse what cannot be: libsndfile would quietly read what there is of a WAV file that was cut off."""
    if not 1000 <= file.samplerate <= 768_000:
        raise UnreadableSound(f"its header says {file.samplerate:,} samples a second, which no recording has")
    if file.format not in ("WAV", "WAVEX"):
        return
    claimed, there = _wav_data(raw)
    if claimed > there and claimed != _STREAMED:
        raise UnreadableSound(
            f"its WAV header promises {claimed:,} bytes of sound and the file holds {there:,}: cut off, or not true"
        )


def _wav_data(raw: bytes) -> tuple[int, int]:
    """Return how many bytes of sound a WAV header promises, and how many there are."""
    at = 12
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], "little" if raw[:4] != b"RIFX" else "big")
        if raw[at : at + 4] == b"data":
            return size, len(raw) - at - 8
        at += 8 + size + size % 2
    return 0, 0


def _read(file: Any, wanted: int, rate: int) -> tuple[npt.NDArray[np.float32], float]:
    """Return the first `wanted` frames at a rate, and the share of values that were no numbers."""
    soundfile = _soundfile()
    resampled = None
    if rate != file.samplerate:
        soxr = import_or_raise("soxr", "sound")
        resampled = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32")
    parts: list[np.ndarray] = []
    read = bad = values = 0
    most = max(1, min(int(BLOCK_SECONDS * file.samplerate), BLOCK_VALUES // file.channels))
    while read < wanted:
        try:
            block = file.read(min(wanted - read, most), dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise UnreadableSound(f"the {file.format} data cannot be decoded ({_said(error)})") from None
        if not len(block):
            break
        read, values = read + len(block), values + block.size
        wrong = ~(np.abs(block) <= LOUDEST)  # so that what is no number is wrong too
        bad += int(wrong.sum())
        block[wrong] = 0
        mono = block.mean(axis=1)
        parts.append(mono if resampled is None else resampled.resample_chunk(mono, last=read >= wanted))
    if read < _COMPLETE * wanted:
        promised, there = wanted / file.samplerate, read / file.samplerate
        raise UnreadableSound(f"cut off: its header promises {promised:.1f} s and {there:.1f} s are there")
    if resampled is not None and read < wanted:
        parts.append(resampled.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32), bad / max(1, values)
