"""Recordings as people have them: any format, rate and number of channels, and those that are none."""

import io
import struct

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

from regraft.data.sounds import LOUDEST, decode, encode, seconds  # noqa: E402
from regraft.errors import UnreadableSound  # noqa: E402

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.float32)
"""One second of 440 Hz at 8 kHz."""


def file(samples, rate=8000, **kwargs):
    target = io.BytesIO()
    soundfile.write(target, samples, rate, **({"format": "WAV", "subtype": "FLOAT"} | kwargs))
    return target.getvalue()


def loudest_tone(samples, rate):
    return np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_24")],
)
def test_every_format_gives_the_same_tone(format, subtype):
    raw = file(TONE, format=format, subtype=subtype)
    samples, rate = decode(raw)
    assert samples.dtype == np.float32
    assert rate == 8000
    assert abs(len(samples) - 8000) < 100
    assert loudest_tone(samples, rate) == pytest.approx(440, abs=5)
    assert seconds(raw) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("stored", [8000, 11025, 16000, 44100, 192000])
def test_resampling_keeps_the_length_and_the_tone(stored):
    tone = np.sin(2 * np.pi * 440 * np.arange(stored) / stored).astype(np.float32)
    samples, rate = decode(file(tone, stored), 16000)
    assert rate == 16000
    assert len(samples) == pytest.approx(16000, abs=2)
    assert loudest_tone(samples, rate) == pytest.approx(440, abs=2)


def test_blocks_leave_no_seam():
    tone = np.sin(2 * np.pi * 440 * np.arange(25 * 8000) / 8000).astype(np.float32)
    samples, rate = decode(file(tone), 16000)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(samples)) / rate)
    assert np.abs(samples - expected)[100:-100].max() < 1e-3


@pytest.mark.parametrize("channels", [1, 2, 8])
def test_channels_are_averaged(channels):
    gains = np.linspace(0, 1, channels) if channels > 1 else np.ones(1)
    samples, _ = decode(file(TONE[:, None] * gains))
    np.testing.assert_allclose(samples, TONE * gains.mean(), atol=1e-6)


def test_only_the_beginning_of_a_long_recording_is_read():
    raw = file(np.tile(TONE, 30))
    samples, _ = decode(raw, at_most=2)
    assert len(samples) == 16000
    assert seconds(raw) == 30


def test_a_few_samples_that_are_no_numbers_become_silence():
    broken = TONE.copy()
    broken[:40:2] = np.nan
    broken[1:40:2] = np.inf
    samples, _ = decode(file(broken))
    assert np.isfinite(samples).all()
    np.testing.assert_array_equal(samples[:40], 0)
    np.testing.assert_allclose(samples[40:], TONE[40:])


def test_absurdly_loud_samples_count_as_no_numbers():
    with pytest.raises(UnreadableSound, match="are not numbers"):
        decode(file(np.full(100, 10 * LOUDEST, np.float32)))


def lying_header(claimed):
    raw = bytearray(file(TONE, subtype="PCM_16"))
    at = raw.find(b"data")
    raw[at + 4 : at + 8] = struct.pack("<I", claimed)
    return bytes(raw)


def with_rate(rate):
    raw = bytearray(file(TONE, subtype="PCM_16"))
    raw[24:28] = struct.pack("<I", rate)
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (file(TONE[:0]), "zero length"),
        (file(np.full(100, np.nan, np.float32)), "100% of its samples are not numbers"),
        (lying_header(2**31 - 8), "its WAV header promises 2,147,483,640 bytes of sound and the file holds 16,000"),
        (file(TONE)[:5000], "cut off, or not true"),
        (with_rate(0), "unknown format"),
        (with_rate(2**31 - 1), "its header says 2,147,483,647 samples a second"),
        (b"these are the words of a song\n" * 100, "not a recording .looks like text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "looks like an image"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "looks like an image"),
        (b"<html><body>404</body></html>", "looks like HTML"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (b"\0\0\0\x20ftypM4A " + bytes(100), "AAC; save it as WAV"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "a video; save its sound"),
        (bytes(range(256)) * 10, "of an unknown format"),
        (file(TONE, format="FLAC", subtype="PCM_16")[:3000], "the FLAC data cannot be decoded"),
        (file(TONE, format="MP3", subtype="MPEG_LAYER_III")[:1000], "cut off: its header promises 1.0 s"),
    ],
)
def test_what_is_no_recording_is_refused_with_a_reason(raw, reason):
    with pytest.raises(UnreadableSound, match=reason):
        decode(raw)


def test_a_file_from_a_pipe_does_not_know_its_size():
    samples, _ = decode(lying_header(0xFFFFFFFF))
    assert len(samples) == 8000


def test_seconds_refuses_as_decoding_does():
    with pytest.raises(UnreadableSound, match="looks like text"):
        seconds(b"no recording at all")
    with pytest.raises(UnreadableSound, match="promises"):
        seconds(lying_header(2**31 - 8))


@pytest.mark.parametrize(
    ("samples", "tolerance"),
    [
        (TONE, 0),
        (TONE.astype(np.float64), 1e-7),
        ((TONE * 32768).astype(np.int16), 1e-4),
        ((TONE * 2**31).astype(np.int32), 1e-6),
        ((TONE * 128 + 128).astype(np.uint8), 1e-2),
        (np.stack([TONE, TONE]), 0),
        (np.stack([TONE, TONE], axis=1), 0),
    ],
)
def test_arrays_come_back_as_they_were(samples, tolerance):
    found, rate = decode(encode(samples, 8000))
    assert rate == 8000
    np.testing.assert_allclose(found, TONE, atol=tolerance + 1e-7)


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [
        (np.zeros((4, 100, 2)), 8000, "must be an array of shape"),
        (np.zeros((100, 100)), 8000, "must be an array of shape"),
        (np.zeros(0), 8000, "zero length"),
        (TONE, 0, "the rate must be from 1,000 to 768,000"),
        (TONE, True, "the rate must be"),
        (np.zeros(10, complex), 8000, "floats within -1 and 1, or integers"),
        (TONE * 32768, 8000, "divide by their full scale"),
    ],
)
def test_arrays_that_are_no_samples_are_refused(samples, rate, reason):
    with pytest.raises(UnreadableSound, match=reason):
        encode(samples, rate)


def test_of_many_channels_less_is_read_and_in_smaller_blocks(monkeypatch):
    from regraft.data import sounds

    raw = file(np.stack([TONE] * 8, axis=1), format="FLAC", subtype="PCM_16")
    whole = decode(raw)[0]
    monkeypatch.setattr(sounds, "BLOCK_VALUES", 8 * 1000)
    np.testing.assert_array_equal(decode(raw)[0], whole)
    monkeypatch.setattr(sounds, "MAX_VALUES", 8 * 2000)
    np.testing.assert_array_equal(decode(raw)[0], whole[:2000])
