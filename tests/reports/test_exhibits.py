"""What a page shows of an image, a text and a recording, and what it does not give away."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np
import pytest

from regraft.data.images import decode
from regraft.reports.exhibits import LETTERS, LOST, RATE, SECONDS, Exhibits, beginning, data_uri
from regraft.reports.html import template


def recording(seconds: float = 0.5, rate: int = 8000, high: float = 440) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    target = io.BytesIO()
    samples = 0.5 * np.sin(2 * np.pi * high * np.arange(int(seconds * rate)) / rate)
    soundfile.write(target, samples, rate, format="FLAC")
    return target.getvalue()


def unpacked(uri: str | None, kind: str) -> bytes:
    assert uri is not None
    head, _, body = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(body)


def test_an_image_is_its_thumbnail() -> None:
    image = np.full((40, 60, 3), 90, np.uint8)
    shown = Exhibits("image").show(image, 30)
    assert (shown.words, shown.sound) == (None, None)
    assert decode(unpacked(shown.uri, "image/jpeg")).shape == (20, 30, 3)
    assert shown.uri == data_uri(image, 30)


def test_a_text_is_its_beginning_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("Line one\n\n  line two")
    shown = Exhibits("text").show(file, 30)
    assert (shown.words, shown.uri, shown.sound) == ("Line one line two", None, None)
    long = Exhibits("text").show("word " * 1000, 30).words
    assert long is not None
    assert long.endswith("word …")
    assert len(long) <= LETTERS + 2


def test_a_script_without_spaces_is_cut_too() -> None:
    assert beginning("字" * 1000, 10) == "字" * 10 + " …"


def test_a_recording_is_a_spectrogram_and_its_first_seconds() -> None:
    shown = Exhibits("audio").show(recording(seconds=2 * SECONDS), 120)
    assert decode(unpacked(shown.uri, "image/jpeg")).shape == (90, 120, 3)
    with wave.open(io.BytesIO(unpacked(shown.sound, "audio/wav"))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        assert sound.getnframes() == SECONDS * RATE
        samples = np.frombuffer(sound.readframes(RATE), "<i2")
    assert abs(samples).max() == pytest.approx(32767 / 2, rel=0.1)


def test_a_page_holds_only_so_much_sound() -> None:
    raw = recording(seconds=1)
    exhibits = Exhibits("audio", played=100_000)
    shown = [exhibits.show(raw, 60) for _ in range(4)]
    assert [each.sound is not None for each in shown] == [True, True, False, False]
    assert all(each.uri for each in shown)


@pytest.mark.parametrize("modality", ["image", "text", "audio"])
def test_what_is_gone_or_broken_leaves_a_gap_and_no_error(modality: str, tmp_path: Path) -> None:
    if modality == "audio":
        pytest.importorskip("soundfile")
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x00\x01\x02")
    for example in (tmp_path / "gone", broken):
        assert Exhibits(modality).show(example, 30) == LOST


def test_words_are_escaped_and_follow_their_script() -> None:
    macro = template("exhibit.html").module.exhibit
    page = macro(Exhibits("text").show("<script>alert(1)</script> مرحبا", 30), "name")
    assert '<blockquote class="words" dir="auto">&lt;script&gt;' in page
    assert "<script" not in page


def test_a_player_waits_until_it_is_asked() -> None:
    macro = template("exhibit.html").module.exhibit
    page = macro(Exhibits("audio").show(recording(), 60), "0.wav")
    assert '<audio controls preload="none" src="data:audio/wav;base64,' in page
    assert 'aria-label="0.wav"' in page
    assert "<audio" not in macro(Exhibits("audio", played=0).show(recording(), 60), "0.wav")
    assert "can no longer be read" in macro(LOST, "0.wav")
