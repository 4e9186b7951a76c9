"""regraft zeroshot: images are predicted, labelled ones measured, and the classifier can be kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Cli = Callable[..., Any]
QUICK = ("--backbone", "tf_efficientnet_lite0")


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the sentence encoder by one that knows the length of a text alone."""

    def embed(texts: Sequence[str]) -> np.ndarray:
        found = np.ones((len(texts), 384), np.float32)
        found[np.arange(len(texts)), [len(text) % 384 for text in texts]] = 20
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    monkeypatch.setattr("regraft.zero_shot.embeddings.embed_texts", embed)
    monkeypatch.setattr("regraft.zero_shot.embeddings.producer", lambda: {"backbone": "lengths", "weights": "0"})
    monkeypatch.setattr("regraft.zero_shot.embeddings.pieces", lambda text: [[word] for word in text.split()])


@pytest.fixture
def red(colours: Path) -> Path:
    return colours / "red" / "red-0-0.jpg"


def test_images_are_predicted(cli: Cli, red: Path, colours: Path) -> None:
    ran = cli("zeroshot", "--classes", "daisy, crane", red, colours / "blue", *QUICK, "--top", 2)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "daisy  a class of the source: daisy"
    shown = [line.split() for line in lines if ".jpg" in line]
    assert len(shown) == 7
    assert {shown[0][1], shown[0][3]} == {"daisy", "crane"}
    quiet = cli("zeroshot", "--classes", "daisy, crane", red, *QUICK, "--quiet")
    assert len(quiet.out.splitlines()) == 1
    assert quiet.err == ""


def test_labelled_images_are_measured(cli: Cli, colours: Path) -> None:
    ran = cli("zeroshot", colours, *QUICK)
    assert ran.code == 0
    assert "images    18\n" in ran.out
    assert "chance 0.3333)" in ran.out
    assert any(line.startswith("  green  ") and line.endswith("6 images)") for line in ran.out.splitlines())
    found = json.loads(cli("zeroshot", colours, *QUICK, "--json").out)
    assert 0 <= found["accuracy"] <= 1
    assert found["per_class"]["red"]["n"] == 6
    assert found["classes"]["red"]["kind"] in ("near", "far")
    missing = cli("zeroshot", colours, "--classes", "red, blue, green, mauve", *QUICK)
    assert "  mauve  – (no images)" in missing.out


def test_it_is_kept_and_used(cli: Cli, colours: Path, red: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.regraft"
    assert cli("zeroshot", "--classes", "red, blue, green", "--out", out, *QUICK).out.endswith(f"classifier  {out}\n")
    assert cli("predict", out, red).code == 0
    measured = json.loads(cli("evaluate", out, colours, "--json").out)
    direct = json.loads(cli("zeroshot", "--classes", "red, blue, green", colours, *QUICK, "--json").out)
    assert measured["accuracy"] == direct["accuracy"]
    again = cli("zeroshot", "--classes", "red, blue", "--out", out, *QUICK)
    assert (again.code, again.out) == (2, "")
    assert "--out must be a new file, but" in again.err


def test_beside_a_model(cli: Cli, saved: Path, colours: Path, tmp_path: Path) -> None:
    ran = cli("zeroshot", "--model", saved, "--classes", "daisy", colours, "--out", tmp_path / "more.regraft")
    assert ran.code == 0
    assert "mean accuracy of a class: trained" in ran.out
    assert "red    learnt from images" in ran.out
    found = json.loads(cli("zeroshot", "--model", saved, "--classes", "daisy", colours, "--json").out)
    assert set(found["generalized"]) == {"trained", "described", "harmonic_mean"}
    assert list(found["per_class"]) == ["blue", "green", "red", "daisy"]


def test_descriptions(cli: Cli, red: Path, tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("daisy: a small flower\ncrane: a machine that lifts\n")
    found = json.loads(cli("zeroshot", "--descriptions", file, red, *QUICK, "--json").out)
    assert list(found["classes"]) == ["daisy", "crane"]


def test_a_bad_image_does_not_keep_the_good_ones(cli: Cli, red: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"<html>")
    ran = cli("zeroshot", "--classes", "daisy, crane", tmp_path / "broken.jpg", red, *QUICK)
    assert ran.code == 1
    assert "broken.jpg" in ran.err
    assert "not read" in ran.err
    assert str(red) in ran.out


def test_bytes_on_stdin(cli: Cli, red: Path) -> None:
    ran = cli("zeroshot", "--classes", "daisy, crane", "-", *QUICK, "--quiet", stdin=red.read_bytes())
    assert ran.code == 0
    assert ran.out.startswith("image 0  ")


def test_wrong_uses_are_told(cli: Cli, red: Path, colours: Path) -> None:
    for arguments, code, words in (
        (("--classes", "cat, dog"), 2, "Give images to predict, labelled images to be measured on, or --out FILE"),
        (("--classes", "cat,,dog", red), 2, "--classes must name every class, but number 2 of 3 is empty"),
        (("--classes", "cat, dog", "-", "-"), 2, "- stands for the one image on stdin"),
        ((red,), 1, "Without --classes the images must have labels"),
        (("--classes", "cat, dog", red, "--weights", "none"), 2, "ConSE has nothing to go on"),
        (("--classes", "cat, dog", red, "--clip", "no-such"), 2, "--clip must be a model of open_clip"),
    ):
        if "--clip" in arguments:
            pytest.importorskip("open_clip")
        ran = cli("zeroshot", *arguments, *QUICK)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith("Error: ")
        assert words in ran.err
