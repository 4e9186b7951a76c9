"""The programs that come with an export name a photo where Regraft is not to be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.export.snippets import snippet

KINDS = ("onnx", "openvino", "torch", "tflite")


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_the_photo_as_the_classifier_does(
    kind: str, exported: Callable[[str], Any], alone: Callable[[str], str], small: Any, photo: bytes
) -> None:
    done = exported(kind)
    assert "'" in str(done.paths[0]) and " " in str(done.paths[0])
    [expected] = small.predict([photo])
    label, probability = alone(done.snippet).splitlines()[0].split()
    assert label == expected.label == "red"
    # A square is cut by Pillow there, and by OpenCV here.
    assert float(probability) == pytest.approx(expected.confidence, abs=0.1 if done.side else 0.03)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("told", [True, False], ids=["with-strangeness", "without"])
@pytest.mark.parametrize("stretch", [True, False], ids=["stretched", "middle"])
def test_each_compiles_whatever_the_file_is_like(kind: str, told: bool, stretch: bool) -> None:
    side = 200 if kind == "tflite" else None
    program = snippet(kind, Path("o'clock \\ {x}.bin"), told=told, side=side, stretch=stretch)
    compile(program, "snippet", "exec")
    assert repr("o'clock \\ {x}.bin") in program
    assert ("strangeness" in program) == told
    assert ("200" in program) == (side is not None)
    assert ("image.resize((200, 200)" in program) == (side is not None and stretch)
    assert "regraft" not in program.replace('"regraft"', "").replace("regraft.json", "")


def test_a_photo_unlike_anything_is_marked(
    exported: Callable[[str], Any], alone: Callable[[str], str], tmp_path: Path, small: Any
) -> None:
    from PIL import Image
    from sklearn.datasets import load_sample_image

    program = exported("openvino").snippet  # it reads photo.jpg, which `alone` has put there
    Image.fromarray(load_sample_image("china.jpg")).save(tmp_path / "photo.jpg", quality=95)
    [expected] = small.predict([tmp_path / "photo.jpg"])
    assert expected.unfamiliar
    assert alone(program).splitlines()[1:] == ["unlike anything it learnt from"]
