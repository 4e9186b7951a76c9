"""The OpenVINO graph by itself: what goes in and out, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import openvino
import pytest

from regraft.export import openvino as ours
from regraft.features.engine_openvino import MIXED


@pytest.fixture(scope="module")
def graph(exported: Callable[[str], Any]) -> Any:
    return openvino.Core().read_model(str(exported("openvino").paths[0]))


def test_what_goes_in_and_out_has_names_and_open_sizes(graph: Any) -> None:
    [images] = graph.inputs
    assert images.get_names() == {"images"}
    assert images.get_element_type() == openvino.Type.u8
    assert images.get_partial_shape() == openvino.PartialShape([-1, -1, -1, 3])
    assert [output.get_names() for output in graph.outputs] == [{"probabilities"}, {"strangeness"}]
    assert graph.outputs[0].get_partial_shape()[1] == 3


def test_it_says_what_it_is(graph: Any, small: Any) -> None:
    def said(key: str) -> Any:
        return json.loads(graph.get_rt_info(["regraft", key]).astype(str))

    assert said("classes") == ["blue", "green", "red"]
    assert said("calibration") == small.calibration.to_dict()
    assert set(said("regraft")["input"]) == {"images"}
    assert list(said("regraft")["output"]) == ["probabilities", "strangeness"]


def test_it_is_two_files_without_a_place_of_this_machine(
    exported: Callable[[str], Any], nowhere: Callable[[Path], None]
) -> None:
    done = exported("openvino")
    assert [path.suffix for path in done.paths] == [".xml", ".bin"]
    assert sum(path.stat().st_size for path in done.paths) == done.bytes
    for path in done.paths:
        nowhere(path)


def test_weights_stay_in_float32(graph: Any) -> None:
    kinds = {node.get_element_type().get_type_name() for node in graph.get_ops() if node.get_type_name() == "Constant"}
    assert "f32" in kinds and not kinds & {"f16", "bf16"}


def test_it_takes_several_images_of_one_size_at_once(opened: Callable[[str], Any]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 50, 90, 3)).astype(np.uint8)
    together = opened("openvino")(images)
    for number in range(3):
        alone = opened("openvino")(images[number : number + 1])
        np.testing.assert_allclose(together[0][number], alone[0][0], atol=1e-4)


def test_the_first_convolutions_are_marked_to_stay_exact_and_the_last_are_not(exported: Callable[[str], Any]) -> None:
    tree = ElementTree.parse(exported("openvino").paths[0])
    marked = [
        any(fact.get("name") == "precise" for fact in layer.iter("attribute"))
        for layer in tree.iter("layer")
        if layer.get("type") in ("Convolution", "GroupConvolution")
    ]
    assert sum(marked) >= MIXED["bf16"]
    assert marked[0] and not marked[-1]


@pytest.mark.parametrize("able", [True, False], ids=["with-bf16", "without-bf16"])
def test_it_is_tried_in_all_that_the_processor_computes_in(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "precisions", lambda: ("bf16", "bf16/12", "f32") if able else ("f32",))
    assert ours.TARGET.precisions() == (("f32", "bf16") if able else ("f32",))
