"""regraft export: a file for other programs out, and what it was checked by."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no processor compute in bf16."""
    monkeypatch.setattr("regraft.export.openvino.precisions", lambda: ("f32",))


@pytest.fixture(scope="module")
def tiny(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a classifier on a tiny network of random weights; nothing may change it."""
    import regraft

    path = tmp_path_factory.mktemp("tiny") / "flowers.regraft"
    regraft.fit(colours, backbone="test_efficientnet", weights="none", head="centroid").classifier.save(path)
    return path


@pytest.fixture
def model(tiny: Path, tmp_path: Path) -> Path:
    shutil.copyfile(tiny, tmp_path / "flowers.regraft")
    return tmp_path / "flowers.regraft"


def test_onnx_beside_the_model_is_the_default(cli: Cli, model: Path) -> None:
    pytest.importorskip("onnxruntime")
    ran = cli("export", model)
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in model.parent.iterdir()) == ["flowers.onnx", "flowers.regraft"]
    lines = ran.out.splitlines()
    assert lines[:2] == ["Writing onnx.", "Comparing it with the classifier on 64 images."]
    assert lines[2].startswith("f32  the same class for 100.0% of 64 images; probabilities differ by ")
    assert "--images takes more of yours." in lines[3]
    assert f"Written: {model.with_suffix('.onnx')} (" in lines[4]
    program = ran.out.partition("To use it without Regraft:\n\n")[2]
    compile(program, "printed", "exec")
    assert "onnxruntime" in program


def test_json_is_all_that_stdout_has(cli: Cli, model: Path, tmp_path: Path, colours: Path) -> None:
    out = tmp_path / "other.xml"
    ran = cli("export", model, "--to", "openvino", "--out", out, "--images", colours, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["paths"] == [str(out), str(out.with_suffix(".bin"))]
    assert (found["to"], found["precision"], found["eight"], found["side"]) == ("openvino", "f32", None, None)
    assert found["bytes"] == sum(Path(path).stat().st_size for path in found["paths"])
    [compared] = found["parity"]
    assert compared["images"] == 64 and compared["same"] == 1.0
    assert found["notes"][0].startswith("It was compared on 18 images of yours and 46")
    assert "openvino" in found["snippet"]
    assert "Writing openvino." in ran.err


def test_quiet_leaves_out_what_is_being_done(cli: Cli, model: Path) -> None:
    ran = cli("export", model, "--to", "openvino", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert not ran.out.startswith("Writing") and "Comparing" not in ran.out
    assert "Written: " in ran.out
    again = cli("export", model, "--to", "openvino", "--quiet", "--json", "--force")
    assert (again.code, again.err) == (0, "")
    json.loads(again.out)


def test_squares_are_told(cli: Cli, model: Path) -> None:
    pytest.importorskip("litert_torch")
    ran = cli("export", model, "--to", "tflite")
    assert ran.code == 0, ran.err
    assert "It takes squares of 168 pixels; the program below cuts them." in ran.out


def test_what_int8_costs_and_gains_is_told(
    cli: Cli, model: Path, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf")
    from regraft.export import eight_bits, parity

    monkeypatch.setitem(parity.BOUNDS, "int8", parity.Bound(0.0, 1.0, 1.0))
    monkeypatch.setattr(eight_bits, "LOSS", 1.0)
    ran = cli("export", model, "--to", "openvino", "--int8", "--images", colours)
    assert ran.code == 0, ran.err
    said = {line.split()[0]: line for line in ran.out.splitlines() if line.strip()}
    assert said["accuracy"].endswith("in int8, on 18 images")
    assert "MB before" in said["size"] and "f32" in said["speed"] and "int8" in said["speed"]
    assert "int8" in said
    assert "ranges were learnt from the very ones that accuracy was measured on" in ran.out


def test_what_exists_is_kept_unless_forced(cli: Cli, model: Path) -> None:
    there = model.with_suffix(".xml")
    there.write_bytes(b"mine")
    ran = cli("export", model, "--to", "openvino")
    assert (ran.code, ran.out) == (2, "")
    assert "exists; choose another or say --force." in ran.err.replace("\n", " ")
    assert there.read_bytes() == b"mine"
    assert cli("export", model, "--to", "openvino", "--force").code == 0
    assert there.read_bytes() != b"mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "coreml"), "'coreml' is not one of 'onnx', 'openvino', 'torch', 'tflite'"),
        (("--out", "m.tflite"), "A file for onnx must end in .onnx, but m.tflite does not; rename it."),
        (("--int8",), "name them with --images."),
        (("--int8", "--images", "x", "--to", "torch"), "computes in it (onnx, openvino), not torch; leave it out."),
        (("--images", "missing"), "missing"),
    ],
    ids=["kind", "ending", "int8-without-images", "int8-in-torch", "missing-images"],
)
def test_wrong_requests_are_refused_in_a_sentence(
    arguments: tuple[str, ...], said: str, cli: Cli, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    ran = cli("export", model, *arguments)
    assert ran.code in (1, 2) and ran.out == ""
    assert said in " ".join(ran.err.split())
    assert "Traceback" not in ran.err
    assert [path.name for path in model.parent.iterdir()] == ["flowers.regraft"]


def test_a_file_that_says_something_else_is_an_error(cli: Cli, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regraft.export import parity

    monkeypatch.setitem(parity.BOUNDS, "f32", parity.Bound(1.0, -1.0, 1.0))
    ran = cli("export", model, "--to", "openvino", "--quiet", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "no file was written" in " ".join(ran.err.split())
    assert [path.name for path in model.parent.iterdir()] == ["flowers.regraft"]


def test_what_is_no_model_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m.regraft").write_bytes(b"no model")
    for name in ("m.regraft", "missing.regraft"):
        ran = cli("export", tmp_path / name)
        assert ran.code in (1, 2) and name in ran.err and "Traceback" not in ran.err


def test_a_model_of_several_tasks_is_refused(cli: Cli, draw_classes: Callable[..., Path], tmp_path: Path) -> None:
    lines = ["image,colour,dark"]
    for path in sorted(draw_classes(tmp_path / "images", count=40).rglob("*.jpg")):
        lines.append(f"{path},{path.parent.name},{'yes' if path.parent.name == 'blue' else 'no'}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    fitted = cli(
        "fit", tmp_path / "t.csv", "--label-columns", "colour,dark", "--backbone", "test_efficientnet",
        "--weights", "none", "--out", tmp_path / "run", "--quiet",
    )  # fmt: skip
    assert fitted.code == 0, fitted.err
    [tasks] = (tmp_path / "run").glob("*.regraft")
    ran = cli("export", tasks)
    assert (ran.code, ran.out) == (2, "")
    assert "Only a classifier of one task can be exported, but" in " ".join(ran.err.split())
