"""The kinds of files, and what is said where one cannot be written."""

from __future__ import annotations

import pytest

from regraft.errors import UsageError
from regraft.export.target import CannotExport, cannot
from regraft.export.targets import TARGETS, find


def test_each_is_found_by_its_name_and_told_by_its_ending() -> None:
    assert list(TARGETS) == ["onnx", "openvino", "torch", "tflite"]
    assert [find(name).suffix for name in TARGETS] == [".onnx", ".xml", ".pt2", ".tflite"]
    assert [name for name in TARGETS if find(name).quantize is not None] == ["onnx", "openvino"]
    assert [name for name in TARGETS if find(name).side is not None] == ["tflite"]


def test_an_unknown_one_is_refused_with_the_others() -> None:
    with pytest.raises(UsageError, match=r"--to must be one of onnx, openvino, torch, tflite, not 'coreml'\."):
        find("coreml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("No conversion rule for aten::special_bessel_j0 found", "aten::special_bessel_j0"),
        ("No decompositions for torch.ops.aten.linalg_eigh.default", "aten::linalg_eigh"),
        ("cannot lower torchvision::nms here", "torchvision::nms"),
    ],
    ids=["colons", "dots", "torchvision"],
)
def test_the_operator_is_named(text: str, named: str) -> None:
    said = str(cannot("ONNX", RuntimeError(text)))
    assert f"made of operators that ONNX has, but its operator {named} cannot be written; choose another" in said


def test_the_operator_is_looked_for_in_what_caused_the_error() -> None:
    try:
        try:
            raise ValueError("aten::cummax")
        except ValueError as cause:
            raise RuntimeError("Conversion failed") from cause
    except RuntimeError as error:
        assert "aten::cummax" in str(cannot("OpenVINO", error))


@pytest.mark.parametrize(
    ("text", "said"), [("\nAll is lost.\nmore", "All is lost;"), ("", "RuntimeError;")], ids=["line", "none"]
)
def test_without_an_operator_the_first_line_is_told(text: str, said: str) -> None:
    found = cannot("ONNX", RuntimeError(text))
    assert isinstance(found, CannotExport)
    assert f"the converter says: {said}" in str(found)
