"""What the pictures show: tones at their height, and nothing that a constant filter or silence would change."""

import json

import numpy as np
import pytest

from regraft.backbones.spectrogram import Spectrogram, filters
from regraft.errors import UnreadableSound, UsageError

RATE = 16000


def sweep(duration, start=200.0, end=4000.0):
    t = np.arange(round(duration * RATE)) / RATE
    tones = np.sin(2 * np.pi * (start * t + (end - start) * t**2 / (2 * duration)))
    return (0.3 * tones + np.random.default_rng(0).normal(0, 1e-3, len(t))).astype(np.float32)


def test_a_rising_tone_rises_in_the_picture():
    (picture,) = Spectrogram().pictures(sweep(1.0), RATE)
    assert picture.dtype == np.uint8
    assert picture.shape == (128, pytest.approx(250, abs=3), 3)
    np.testing.assert_array_equal(picture[:, :, 0], picture[:, :, 2])
    heights = picture[:, 20:-20, 0].argmax(axis=0)
    assert np.corrcoef(heights, np.arange(len(heights)))[0, 1] < -0.9  # the first row is the highest tone


def test_loudness_does_not_matter():
    (loud,) = Spectrogram().pictures(sweep(0.5), RATE)
    (faint,) = Spectrogram().pictures(sweep(0.5) / 8, RATE)
    assert np.abs(loud.astype(int) - faint).max() <= 1


def test_a_constant_filter_hardly_matters():
    samples = sweep(1.0) + np.random.default_rng(1).normal(0, 0.05, RATE).astype(np.float32)
    coloured = np.convolve(samples, [1, -0.9], mode="same").astype(np.float32)
    plain, other = (Spectrogram().pictures(x, RATE)[0][:, 5:-5, 0].ravel() for x in (samples, coloured))
    assert np.corrcoef(plain, other)[0, 1] > 0.95


def test_silence_at_the_ends_is_left_out():
    silence = np.zeros(RATE, np.float32)
    (plain,) = Spectrogram().pictures(sweep(0.5), RATE)
    (padded,) = Spectrogram().pictures(np.concatenate([silence, sweep(0.5), silence]), RATE)
    assert abs(padded.shape[1] - plain.shape[1]) <= 6


@pytest.mark.parametrize(("duration", "count"), [(0.3, 1), (4.0, 1), (4.1, 2), (10.0, 3), (100.0, 8)])
def test_long_recordings_give_several_windows(duration, count):
    pictures = Spectrogram().pictures(sweep(duration), RATE)
    assert len(pictures) == count
    assert len({picture.shape for picture in pictures}) == 1


def test_windows_reach_from_the_beginning_to_the_end():
    samples = np.random.default_rng(0).normal(0, 0.01, 60 * RATE).astype(np.float32)
    samples[:1600] *= 10
    samples[-1600:] *= 10
    pictures = Spectrogram().pictures(samples, RATE)
    begins = [picture[:, 3:20, 0].mean() for picture in pictures]
    ends = [picture[:, -20:-3, 0].mean() for picture in pictures]
    assert begins[0] > max(begins[1:]) + 20
    assert ends[-1] > max(ends[:-1]) + 20


def test_one_window_looks_at_the_middle():
    samples = np.zeros(12 * RATE, np.float32)
    samples[5 * RATE : 7 * RATE] = sweep(2.0)
    samples[:1600], samples[-1600:] = sweep(0.1), sweep(0.1)
    (picture,) = Spectrogram(windows=1).pictures(samples, RATE)
    spread = picture[:, :, 0].std(axis=0)
    assert spread[300:700].mean() > spread[:200].mean()


@pytest.mark.parametrize("n", [1, 100, 500, 5000])
def test_very_short_recordings_give_a_picture(n):
    (picture,) = Spectrogram().pictures(sweep(1.0)[:n], RATE)
    assert picture.shape[0] == 128
    assert picture.shape[1] >= 1


def test_digital_silence_is_grey():
    (picture,) = Spectrogram().pictures(np.zeros(RATE, np.float32), RATE)
    assert set(np.unique(picture)) <= {127, 128}


def test_filters_are_even_on_the_mel_scale():
    bank = filters(64, RATE, 1024, 50.0, 8000.0)
    assert bank.shape == (64, 513)
    np.testing.assert_allclose(bank.sum(axis=1), 1, rtol=1e-5)
    tones = np.fft.rfftfreq(1024, 1 / RATE)
    mels = 2595 * np.log10(1 + (bank @ tones) / 700)
    np.testing.assert_allclose(np.diff(mels)[20:], np.diff(mels)[20:].mean(), rtol=0.25)


def test_settings_survive_json():
    spectrogram = Spectrogram(mels=64, seconds=2.0)
    assert Spectrogram.from_dict(json.loads(json.dumps(spectrogram.to_dict()))) == spectrogram


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"mels": 4}, "mels of a spectrogram must be from 16 to 256, not 4"),
        ({"seconds": 0}, "seconds of a spectrogram must be from 0.1 to 60"),
        ({"high": 9000.0}, "high of a spectrogram must be above low .50 Hz. and at most half the rate"),
        ({"low": 8000.0}, "high of a spectrogram must be above low"),
    ],
)
def test_settings_out_of_range_are_refused(settings, reason):
    with pytest.raises(UsageError, match=reason):
        Spectrogram(**settings)


def test_another_rate_is_refused():
    with pytest.raises(UsageError, match="must come at 16000 samples a second, not 8000"):
        Spectrogram().pictures(sweep(1.0), 8000)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros((2, 100), np.float32)])
def test_what_is_no_recording_is_refused(samples):
    with pytest.raises(UsageError, match="must be an array of shape"):
        Spectrogram().pictures(samples, RATE)


def test_a_file_is_listened_to_whatever_its_rate():
    pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    from regraft.data.sounds import encode

    (found,) = Spectrogram().listen(encode(sweep(1.0, end=3000.0)[::2], RATE // 2))
    (expected,) = Spectrogram().pictures(sweep(1.0, end=3000.0), RATE)
    assert found.shape == expected.shape
    below = slice(40, None)  # the file has nothing above 4 kHz
    assert np.corrcoef(found[below, 5:-5, 0].ravel(), expected[below, 5:-5, 0].ravel())[0, 1] > 0.9


def test_an_array_is_no_recording():
    with pytest.raises(UnreadableSound, match="give samples together with their rate"):
        Spectrogram().listen(np.zeros(100, np.float32))
