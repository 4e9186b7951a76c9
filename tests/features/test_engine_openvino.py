"""OpenVINO against torch: the same features, in float32 and in what the processor has; and the kept graphs."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from regraft.backbones.lookup import get_backbones
from regraft.backbones.vision import FeatureNetwork
from regraft.errors import WeightsError
from regraft.features import engine_openvino
from regraft.features.engine_openvino import (
    MIXED,
    OpenVINOEngine,
    UnsupportedNetwork,
    engine_folder,
    precisions,
)
from regraft.features.engines import MINIMUM_COSINE, mean_cosine, settle_precision


def pixels_of(backbone, images):
    return np.stack([backbone.preprocessing.apply(image) for image in images])


def by_torch(backbone, pixels):
    with torch.no_grad():
        return FeatureNetwork(backbone.build(), backbone).eval()(torch.from_numpy(pixels).float()).numpy()


def worst_cosine(a, b):
    return min(mean_cosine(x[None], y[None]) for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def lite0_pixels(lite0, photos):
    return pixels_of(lite0, photos)


# --- the same features ------------------------------------------------------------------------------


def test_float32_features_are_torchs(lite0, lite0_pixels, features):
    engine = OpenVINOEngine(lite0, "f32")
    assert (engine.name, engine.precision, engine.width) == ("openvino", "f32", 1280)
    found = features(engine, lite0_pixels)
    assert found.dtype == np.float32
    assert worst_cosine(found, by_torch(lite0, lite0_pixels)) > 0.9999


@pytest.mark.parametrize(("name", "pool"), [("test_resnet", "max"), ("test_vit", "avg"), ("test_mambaout", "none")])
def test_float32_features_of_other_kinds_of_networks_are_torchs(name, pool, photos, features):
    backbone = get_backbones(name, weights="none", pool=pool)[0]
    pixels = pixels_of(backbone, photos[::4])
    found = features(OpenVINOEngine(backbone, "f32"), pixels)
    expected = by_torch(backbone, pixels)
    assert found.shape == expected.shape
    assert worst_cosine(found, expected) > 0.9999


@pytest.mark.parametrize("batch", [1, 7, 16, 40])
def test_batches_of_any_size_come_back_under_their_tags(batch, lite0, lite0_pixels, features):
    several = np.concatenate([lite0_pixels[:8]] * 2)
    found = features(OpenVINOEngine(lite0, "f32"), several, batch)
    assert np.allclose(found[:8], found[8:], atol=1e-3)
    assert worst_cosine(found[:8], features(OpenVINOEngine(lite0, "f32"), several[:8], 8)) > 0.9999


def test_an_engine_can_start_again(lite0, lite0_pixels, features):
    engine = OpenVINOEngine(lite0, "f32")
    first, second = features(engine, lite0_pixels[:3]), features(engine, lite0_pixels[:3])
    assert np.allclose(first, second, atol=1e-4)
    engine.finish()


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_lite1"])
def test_the_processors_own_precision_agrees_with_float32(name, photos, cache, features):
    """The default's two networks, in what is settled for them here."""
    if precisions() == ("f32",):
        pytest.skip("this processor has no faster precision")
    backbone = get_backbones(name)[0]
    precision = settle_precision(backbone, "openvino", "auto", photos, cache)
    assert precision in MIXED
    pixels = pixels_of(backbone, [photo[::-1] for photo in photos])  # not those it was settled on
    found = features(OpenVINOEngine(backbone, precision), pixels)
    assert mean_cosine(found, features(OpenVINOEngine(backbone, "f32"), pixels)) >= MINIMUM_COSINE


def test_the_processors_own_precision_agrees_on_solar_cells(lite0, cache, features):
    elpv = pytest.importorskip("elpv_dataset")
    if precisions() == ("f32",):
        pytest.skip("this processor has no faster precision")
    from pathlib import Path

    from regraft.data.images import decode

    cells = sorted((Path(elpv.__file__).parent / "data" / "images").glob("*.png"))[::100]
    images = [decode(cell.read_bytes()) for cell in cells]
    precision = settle_precision(lite0, "openvino", "auto", images, cache)
    pixels = pixels_of(lite0, images)
    found, exact = (features(OpenVINOEngine(lite0, p), pixels) for p in (precision, "f32"))
    assert mean_cosine(found, exact) >= MINIMUM_COSINE


# --- what is kept -----------------------------------------------------------------------------------


def means():
    """A graph whose features are the mean of each channel: converting a network takes far longer."""
    import openvino.opset13 as ops
    from openvino import Model

    pixels = ops.parameter([-1, 160, 160, 3], np.uint8)
    return Model([ops.reduce_mean(ops.convert(pixels, np.float32), ops.constant([1, 2]))], [pixels])


@pytest.fixture
def conversions(monkeypatch):
    """Let a network convert to `means`, and tell how often one was."""
    done = []
    monkeypatch.setattr(engine_openvino, "_convert", lambda backbone: done.append(backbone) or means())
    return done


@pytest.fixture
def gives_means(small, photos, features):
    """Return a function that says whether an engine works."""
    pixels = pixels_of(small, photos[:4])
    return lambda engine: np.allclose(features(engine, pixels), pixels.mean((1, 2)), atol=0.01)


def test_a_network_is_converted_once_for_all_precisions(small, conversions, gives_means, tmp_path):
    engines = [OpenVINOEngine(small, precision, tmp_path) for precision in ("f32", *MIXED, "f32")]
    assert [engine.precision for engine in engines] == ["f32", *MIXED, "f32"]
    assert gives_means(engines[0])
    assert conversions == [small]
    folder = engine_folder(small, tmp_path)
    assert {path.name for path in folder.glob("*.xml")} == {"f32.xml", "bf16.xml", "bf16-12.xml"}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_mixed_graphs_keep_their_first_layers_exact(lite0):
    OpenVINOEngine(lite0, "f32")
    folder = engine_folder(lite0)
    marks = [(folder / f"{name}.xml").read_text().count('name="precise"') for name in ("f32", "bf16", "bf16-12")]
    assert marks[0] == 0
    assert 0 < marks[1] < marks[2]


def test_the_folder_is_named_by_all_that_shapes_the_graph(small, tmp_path):
    pixels = small.preprocessing
    others = [
        replace(small, pool="max"),
        replace(small, architecture="test_vit"),
        replace(small, preprocessing=replace(pixels, size=192)),
        replace(small, preprocessing=replace(pixels, mean=(0.1, 0.2, 0.3))),
        get_backbones("tf_efficientnet_lite0")[0],
    ]
    folders = {engine_folder(backbone, tmp_path) for backbone in [small, *others]}
    assert len(folders) == 1 + len(others)
    assert engine_folder(small, tmp_path).parent == tmp_path / "engines"


@pytest.mark.parametrize("spoilt", ["f32.xml", "f32.bin", "compiled"])
def test_damaged_files_are_made_again(spoilt, small, conversions, gives_means, tmp_path):
    OpenVINOEngine(small, "f32", tmp_path)
    folder = engine_folder(small, tmp_path)
    engine_openvino._compiled_file.cache_clear()  # as in another process
    if spoilt == "compiled":
        (blob,) = (folder / "compiled").glob("*.blob")
        blob.write_bytes(blob.read_bytes()[:1000])
    else:
        whole = (folder / spoilt).read_bytes()
        (folder / spoilt).write_bytes(whole[: len(whole) // 2])
        shutil.rmtree(folder / "compiled")
    assert gives_means(OpenVINOEngine(small, "f32", tmp_path))
    assert len(conversions) == (1 if spoilt == "compiled" else 2)
    engine_openvino._compiled_file.cache_clear()
    assert gives_means(OpenVINOEngine(small, "f32", tmp_path))
    assert len(conversions) == (1 if spoilt == "compiled" else 2)


def test_a_place_that_cannot_be_written_still_gives_float32(small, conversions, gives_means, tmp_path):
    (tmp_path / "file").write_text("no folder")
    engine = OpenVINOEngine(small, "bf16", tmp_path / "file")
    assert engine.precision == "f32"
    assert gives_means(engine)
    assert (tmp_path / "file").read_text() == "no folder"


def test_an_interrupted_conversion_leaves_nothing(small, conversions, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine_openvino, "_keep_exact", interrupted)
    with pytest.raises(KeyboardInterrupt):
        OpenVINOEngine(small, "f32", tmp_path)
    assert list((tmp_path / "engines").iterdir()) == []


def test_the_first_of_two_processes_wins(small, conversions, gives_means, tmp_path):
    """The second finds the folder in its place when it wants to move its own there."""
    folder = engine_folder(small, tmp_path)
    engine_openvino._keep(means(), folder)
    before = (folder / "f32.xml").stat().st_ino
    engine_openvino._keep(means(), folder)
    assert (folder / "f32.xml").stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert gives_means(OpenVINOEngine(small, "f32", tmp_path))
    assert conversions == []


# --- what it cannot take ----------------------------------------------------------------------------


class Refused(torch.nn.Module):
    """A network with an operation that OpenVINO does not know."""

    num_features = 3
    pre_logits = None

    def forward_features(self, images):
        return images + torch.linalg.eigvals(images[0, 0, :4, :4]).real.sum()


class Failing(torch.nn.Module):
    num_features = 3
    pre_logits = None

    def forward_features(self, images):
        raise ValueError("tracing it fails\nand says so in two lines")


@pytest.mark.parametrize("network", [Refused, Failing])
def test_a_network_that_cannot_be_converted_says_so(network, small, tmp_path, monkeypatch):
    monkeypatch.setattr(type(small), "build", lambda self: network())
    with pytest.raises(UnsupportedNetwork) as told:
        OpenVINOEngine(small, "f32", tmp_path)
    assert str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "engines").exists()


def test_missing_weights_are_not_taken_for_an_unknown_network(tmp_path):
    backbone = get_backbones("test_resnet", weights=tmp_path / "missing.pth")[0]
    with pytest.raises(WeightsError, match="there is no file"):
        OpenVINOEngine(backbone, "f32", tmp_path)
    (tmp_path / "missing.pth").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="could not be read"):
        OpenVINOEngine(backbone, "f32", tmp_path)


def test_this_processors_precisions_end_with_float32():
    assert precisions() in (("f32",), (*MIXED, "f32"))


def test_the_last_map_is_cut_out_of_the_graph_of_its_average(features, tmp_path, monkeypatch):
    [average] = get_backbones("resnet10t", weights="none", image_size=64)
    whole = replace(average, pool="none")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    expected = features(OpenVINOEngine(whole, "f32", tmp_path / "converted"), pixels)
    mean = features(OpenVINOEngine(average, "f32", tmp_path / "cut"), pixels)
    monkeypatch.setattr(engine_openvino, "_convert", lambda backbone: pytest.fail("converted again"))
    found = features(OpenVINOEngine(whole, "f32", tmp_path / "cut"), pixels)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.reshape(2, mean.shape[1], -1).mean(axis=2), mean, atol=1e-5)


def test_a_network_with_layers_after_its_average_is_converted(tmp_path, monkeypatch):
    [average] = get_backbones("lcnet_035", weights="none", image_size=64)
    converted, convert = [], engine_openvino._convert
    monkeypatch.setattr(engine_openvino, "_convert", lambda b: converted.append(b.pool) or convert(b))
    for pool in ("avg", "none"):
        OpenVINOEngine(replace(average, pool=pool), "f32", tmp_path)
    assert converted == ["avg", "none"]
