"""Every command of the how-to on exporting is run, in order, and then each of its programs."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regraft.export import eight_bits, parity, targets
from regraft.export.parity import Bound
from regraft.export.snippets import snippet

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "export.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = {"onnx": "flowers.onnx", "openvino": "flowers.xml", "torch": "flowers.pt2", "tflite": "flowers.tflite"}


def blocks(kind: str) -> list[str]:
    return [content for named, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if named == kind]


def side() -> int:
    """Return the pixels of the squares that the networks take which a fit uses unless told otherwise."""
    from regraft.backbones.lookup import get_backbones
    from regraft.backbones.registry import DEFAULT_BACKBONE
    from regraft.export.tflite import square_side

    return square_side(get_backbones(DEFAULT_BACKBONE))


def test_every_command_and_program_does_what_the_page_says(
    cli: Callable[..., Any], colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("onnx", "onnxruntime", "nncf", "litert_torch"):
        pytest.importorskip(module)
    import regraft

    monkeypatch.chdir(tmp_path)
    # How right int8 and bf16 are is no matter of a tiny network of random weights.
    for precision in ("bf16", "int8"):
        monkeypatch.setitem(parity.BOUNDS, precision, Bound(0.0, 1.0, 1.0))
    monkeypatch.setattr(eight_bits, "LOSS", 1.0)
    shutil.copytree(colours, "flowers")
    shutil.copyfile(colours / "red" / "red-0-0.jpg", "photo.jpg")
    fitted = regraft.fit("flowers", backbone="test_efficientnet", weights="none", head="centroid").classifier
    fitted.save("flowers.regraft")
    [expected] = fitted.predict(["photo.jpg"])
    square = fitted.backbones[0].preprocessing.short_side
    for line in "".join(blocks("shell")).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "regraft"
        ran = cli(*arguments)
        assert ran.code == 0, ran.err
        assert "Written: " in ran.out
    for name in (*FILES.values(), "flowers.bin", "flowers-int8.onnx", "flowers-int8.xml", "flowers-int8.bin"):
        assert Path(name).is_file()
    programs = blocks("python")
    assert len(programs) == len(FILES)
    for program in programs:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(program.replace(str(side()), str(square)), "page", "exec"), {})
        label, probability = said.getvalue().splitlines()[0].split()
        assert label == expected.label == "red"
        assert float(probability) == pytest.approx(expected.confidence, abs=0.1)


def test_the_programs_are_those_that_the_command_prints() -> None:
    shown = blocks("python")
    for program, (to, name) in zip(shown, FILES.items(), strict=True):
        squares = None if targets.find(to).side is None else side()
        assert program == snippet(to, Path(name), told=True, side=squares, stretch=False)


def test_the_figures_of_the_page_are_those_of_the_program() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"it has named {parity.IMAGES} images" in page
    assert f"no probability may differ by more than {parity.BOUNDS['f32'].largest:g}" in page
    assert f"learnt on {eight_bits.CALIBRATED_ON} of the training part" in page
    assert f"measured on up to {eight_bits.MEASURED_ON} of the test part" in page
    assert f"costs more than {eight_bits.LOSS * 100:.0f} points of accuracy" in page


def test_what_goes_in_and_out_is_what_the_file_says() -> None:
    from regraft.export.about import INPUT, PROBABILITIES, STRANGENESS

    names = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert names == [INPUT, PROBABILITIES, STRANGENESS]
