"""Views: what the network sees is mirrored or framed in the other way, and kept apart from the plain view."""

from pathlib import Path

import numpy as np
from PIL import Image

from regraft.backbones.lookup import get_backbones
from regraft.features.engine_openvino import engine_folder
from regraft.features.extraction import extract
from regraft.features.views import VIEWS, extract_views, seen_as

BACKBONE = get_backbones("test_resnet", weights="none")[0]


def test_a_mirrored_view_is_the_plain_view_of_the_mirrored_image(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8)
    for name, array in (("plain", pixels), ("mirrored", pixels[:, ::-1])):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    files = [tmp_path / "plain.png", tmp_path / "mirrored.png"]
    plain = extract(files, ["a", "b"], [BACKBONE])
    views = extract_views(files, ["a", "b"], [BACKBONE], plain.precisions)
    assert list(views) == list(VIEWS)
    np.testing.assert_allclose(views["mirror"], plain.values[::-1], atol=1e-5)
    assert not np.allclose(views["framing"], plain.values, atol=1e-3)


def test_framing_is_the_other_way_and_mirroring_twice_is_none() -> None:
    other = seen_as(BACKBONE, "framing")
    assert {BACKBONE.preprocessing.resize, other.preprocessing.resize} == {"crop", "stretch"}
    assert seen_as(seen_as(BACKBONE, "mirror"), "mirror") == BACKBONE


def test_all_views_run_on_one_converted_network(tmp_path: Path) -> None:
    folders = {engine_folder(seen_as(BACKBONE, view), tmp_path) for view in VIEWS}
    assert folders == {engine_folder(BACKBONE, tmp_path)}
