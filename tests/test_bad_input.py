"""What goes wrong with data, through the command line: skipped and listed, or one sentence; nothing is changed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import regraft

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, loops and names of bytes are POSIX's")

Cli = Callable[..., Any]
Draw = Callable[..., Path]
QUICK = ("--backbone", "tf_efficientnet_lite0", "--head", "centroid")
RED, BLUE = (200, 50, 40), (40, 60, 200)


def snapshot(folder: Path) -> dict[str, Any]:
    """Return all that could change below a folder: names, kinds, times and content."""
    found: dict[str, Any] = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(place) / name
            facts = path.lstat()
            content = b""
            if stat.S_ISREG(facts.st_mode):
                content = path.read_bytes()
            elif stat.S_ISLNK(facts.st_mode):
                content = os.fsencode(path.readlink())
            found[str(path)] = (facts.st_mode, facts.st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the user's folder, for a test to fill."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def fit(cli: Cli, data: Path, tmp_path: Path) -> Callable[..., Any]:
    """Return a function that fits on `data`, or on one of its files, and checks that nothing there changes."""

    def run(source: Path = data, *options: str) -> Any:
        before = snapshot(data)
        ran = cli("fit", source, *QUICK, "--json", "--out", tmp_path / "run", *options)
        assert snapshot(data) == before
        assert "Traceback" not in ran.err
        assert (tmp_path / "run").exists() == (ran.code == 0)
        return ran

    return run


# --- pictures -----------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def fill_with_odd_images(folder: Path) -> int:
    """Write red images of every odd but sound kind, and return how many."""
    red = Image.new("RGB", (72, 64), RED)
    exif = Image.Exif()
    exif[0x0112] = 6
    red.save(folder / "rotated.jpg", exif=exif)
    red.save(folder / "sound.webp", lossless=True)
    red.save(folder / "sound.tiff")
    red.save(folder / "sound.bmp")
    red.convert("P").save(folder / "palette.png")
    red.convert("CMYK").save(folder / "cmyk.jpg")
    red.convert("RGBA").save(folder / "alpha.png")
    red.save(folder / "animated.gif", save_all=True, append_images=[Image.new("RGB", (72, 64), BLUE)])
    red.save(folder / "misnamed.png", "JPEG")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes((folder / "rotated.jpg").read_bytes())
    return 10


def fill_with_grey_images(folder: Path) -> int:
    """Write grey images of one channel, and return how many."""
    ramp = np.linspace(0, 255, 64 * 72).reshape(64, 72)
    for i in range(4):
        Image.fromarray((ramp * (1 - i / 10)).astype(np.uint8)).save(folder / f"grey-{i}.jpg")
    Image.fromarray((ramp * 257).astype(np.uint16)).save(folder / "sixteen.png")
    Image.fromarray((ramp * 257).astype(np.uint16)).save(folder / "sixteen.tiff")
    return 6


def fill_with_broken_images(folder: Path) -> dict[str, str]:
    """Write images that cannot be read, and return a part of the reason for each."""
    jpeg = io.BytesIO()
    Image.effect_noise((64, 64), 50).convert("RGB").save(jpeg, "JPEG")
    (folder / "zero.jpg").touch()
    (folder / "truncated.jpg").write_bytes(jpeg.getvalue()[: len(jpeg.getvalue()) // 2])
    (folder / "page.jpg").write_bytes(b"<!DOCTYPE html><html>404</html>")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    (folder / "link.jpg").symlink_to("gone.jpg")
    return {
        "zero.jpg": "empty (0 bytes)",
        "truncated.jpg": "truncated JPEG",
        "page.jpg": "looks like HTML",
        "bomb.png": "more than the limit of 200 million",
        "link.jpg": "broken symbolic link",
    }


def test_odd_images_are_read_and_broken_ones_skipped_counted_and_listed(
    data: Path, fit: Callable[..., Any], cli: Cli, draw_classes: Draw, tmp_path: Path
) -> None:
    draw_classes(data / "images", 8, ("blue",))
    for name in ("red", "grey", "empty"):
        (data / "images" / name).mkdir()
    n_odd = fill_with_odd_images(data / "images" / "red")
    n_grey = fill_with_grey_images(data / "images" / "grey")
    broken = fill_with_broken_images(data / "images" / "blue")
    (data / "images" / "blue" / "loop").symlink_to(data / "images")
    (data / "images" / "blue" / "notes.txt").write_text("no image")

    stopped = fit()
    assert (stopped.code, stopped.out) == (1, "")
    assert "At most 5% of the images may be un" in stopped.err
    assert "--skip-unreadable" in stopped.err

    ran = fit(data, "--skip-unreadable")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["classes"] == ["blue", "grey", "red"]
    assert found["n_train"] == 8 + n_grey + n_odd
    assert found["metrics"]["test"]["accuracy"] > 0.9
    reasons = {Path(skipped["name"]).name: skipped["reason"] for skipped in found["skipped"]}
    assert reasons.keys() == broken.keys()
    for name, reason in broken.items():
        assert reason in reasons[name]
    assert "no class, for want of images: images/empty/." in ran.err
    report = (tmp_path / "run" / "report.html").read_text()
    assert all(name in report for name in broken)

    before = snapshot(data)
    predicted = cli("predict", tmp_path / "run" / "model.regraft", data, "--json")
    assert snapshot(data) == before
    assert predicted.code == 1
    labels = {Path(p["name"]).name: (p["label"], p.get("error")) for p in json.loads(predicted.out)}
    assert {name for name, (label, _) in labels.items() if label is None} == broken.keys()
    assert labels["caf\\xe9.jpg"] == labels["cmyk.jpg"] == labels["animated.gif"] == ("red", None)
    assert labels["sixteen.png"] == labels["sixteen.tiff"] == ("grey", None)


def test_one_image_in_twenty_may_be_broken(data: Path, fit: Callable[..., Any], draw_classes: Draw) -> None:
    draw_classes(data / "images", 10, ("blue", "red"))
    (data / "images" / "red" / "zero.jpg").touch()
    ran = fit(data / "images")
    assert ran.code == 0
    assert json.loads(ran.out)["skipped"] == [{"name": "red/zero.jpg", "reason": "empty (0 bytes)"}]


def test_the_only_image_of_a_class_is_learnt_and_not_tested(
    data: Path, fit: Callable[..., Any], draw_classes: Draw
) -> None:
    draw_classes(data / "images", 6)
    for file in list((data / "images" / "green").iterdir())[1:]:
        file.unlink()
    found = json.loads(fit(data / "images").out)
    assert (found["classes"], found["n_train"], found["n_test"]) == (["blue", "green", "red"], 13, 12)


def test_rows_without_file_or_label_are_skipped_and_listed(
    data: Path, fit: Callable[..., Any], draw_classes: Draw
) -> None:
    draw_classes(data / "images", 3, ("blue", "red"))
    rows = [f"{file.relative_to(data)},{file.parent.name}" for file in sorted(data.rglob("*.jpg"))]
    broken = ["images/red/gone.jpg,red", "images/red/red-0-0.jpg,", ",red"]
    (data / "t.csv").write_text("\n".join(["image,label", *rows[:-3], *rows[-2:], *broken]))
    stopped = fit(data / "t.csv")
    assert stopped.code == 1
    assert "but 3 of 8 are (" in stopped.err
    ran = fit(data / "t.csv", "--skip-unreadable")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["n_train"] == 5
    assert {skipped["name"]: skipped["reason"] for skipped in found["skipped"]} == {
        "images/red/gone.jpg": "file not found",
        "images/red/red-0-0.jpg": "empty label",
        "row 8": "no image is named",
    }


# --- sources ------------------------------------------------------------------------------------


def nothing(data: Path, draw: Draw) -> Path:
    return data


def absent(data: Path, draw: Draw) -> Path:
    draw(data / "flowers", 1)
    return data / "flower"


def one_class(data: Path, draw: Draw) -> Path:
    return draw(data / "images", 3, ("red",))


def one_image_a_class(data: Path, draw: Draw) -> Path:
    return draw(data / "images", 1)


def only_broken(data: Path, draw: Draw) -> Path:
    draw(data / "images", 2, ("red", "blue"))
    for file in data.rglob("*.jpg"):
        file.write_bytes(b"\xff\xd8\xff nothing more")
    return data


def flat(data: Path, draw: Draw) -> Path:
    for i in range(3):
        Image.new("RGB", (9, 9)).save(data / f"{i}.jpg")
    return data


def looped(data: Path, draw: Draw) -> Path:
    (data / "a" / "b").mkdir(parents=True)
    (data / "a" / "b" / "again").symlink_to(data)
    return data


def an_image(data: Path, draw: Draw) -> Path:
    return draw(data / "images", 1) / "red" / "red-0-0.jpg"


def a_text(data: Path, draw: Draw) -> Path:
    (data / "notes.txt").write_text("a note")
    return data / "notes.txt"


def table_of_missing_files(data: Path, draw: Draw) -> Path:
    (data / "t.csv").write_text("image,label\nx.jpg,a\ny.jpg,b\n")
    return data / "t.csv"


def table_without_labels(data: Path, draw: Draw) -> Path:
    draw(data / "images", 1)
    (data / "t.csv").write_text("image\nimages/red/red-0-0.jpg\n")
    return data / "t.csv"


def table_of_empty_labels(data: Path, draw: Draw) -> Path:
    draw(data / "images", 1)
    (data / "t.csv").write_text("image,label\nimages/red/red-0-0.jpg,\nimages/blue/blue-0-0.jpg,\n")
    return data / "t.csv"


def empty_table(data: Path, draw: Draw) -> Path:
    (data / "t.csv").touch()
    return data / "t.csv"


def binary_table(data: Path, draw: Draw) -> Path:
    (data / "t.parquet").write_bytes(b"PAR1 and then nothing")
    return data / "t.parquet"


def hdf5(data: Path, x: Any, y: Any) -> Path:
    with h5py.File(data / "c.h5", "w") as file:
        file["x"], file["y"] = x, y
    return data / "c.h5"


def hdf5_channels_first(data: Path, draw: Draw) -> Path:
    return hdf5(data, np.zeros((4, 3, 32, 32), np.uint8), [0, 1, 0, 1])


def hdf5_too_few_labels(data: Path, draw: Draw) -> Path:
    return hdf5(data, np.zeros((4, 32, 32, 3), np.uint8), [0, 1, 0])


def hdf5_of_vectors(data: Path, draw: Draw) -> Path:
    return hdf5(data, np.zeros((4, 512), np.uint8), [0, 1, 0, 1])


def hdf5_damaged(data: Path, draw: Draw) -> Path:
    path = hdf5(data, np.zeros((4, 32, 32, 3), np.uint8), [0, 1, 0, 1])
    path.write_bytes(path.read_bytes()[:900])
    return path


def zip_of(data: Path, name: str, mode: int = stat.S_IFREG | 0o644) -> Path:
    with zipfile.ZipFile(data / "c.zip", "w") as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        archive.writestr(member, b"/etc/passwd")
    return data / "c.zip"


def zip_pointing_up(data: Path, draw: Draw) -> Path:
    return zip_of(data, "a/../../../outside.jpg")


def zip_of_absolute_paths(data: Path, draw: Draw) -> Path:
    return zip_of(data, "/tmp/regraft-outside.jpg")


def zip_of_links(data: Path, draw: Draw) -> Path:
    return zip_of(data, "red/link.jpg", stat.S_IFLNK | 0o777)


def tar_of(data: Path, **member: Any) -> Path:
    with tarfile.open(data / "c.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo(member.pop("name"))
        for key, value in member.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b""))
    return data / "c.tar.gz"


def tar_pointing_up(data: Path, draw: Draw) -> Path:
    return tar_of(data, name="../outside.jpg")


def tar_of_absolute_paths(data: Path, draw: Draw) -> Path:
    return tar_of(data, name="/tmp/regraft-outside.jpg")


def tar_of_links(data: Path, draw: Draw) -> Path:
    return tar_of(data, name="red/link.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd")


def tar_of_hard_links(data: Path, draw: Draw) -> Path:
    return tar_of(data, name="red/link.jpg", type=tarfile.LNKTYPE, linkname="/etc/passwd")


def damaged_archive(data: Path, draw: Draw) -> Path:
    (data / "c.zip").write_bytes(b"PK\x03\x04 and no more")
    return data / "c.zip"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "holds no images"),
        (absent, "flower does not exist: did you mean"),
        (one_class, "only one class"),
        (one_image_a_class, "no class has two examples, so nothing can be set aside to test on"),
        (only_broken, "At most 5% of the images may be unreadable"),
        (flat, "holds 3 images and no class folders: put each class in its own folder"),
        (looped, "holds no images"),
        (an_image, "is one image, and labelled examples are needed"),
        (a_text, "is one text, and labelled examples are needed"),
        (table_of_missing_files, "2 of the 2 images of"),
        (table_without_labels, "which column of"),
        (table_of_empty_labels, "has no labelled image left: 2 were skipped"),
        (empty_table, "is empty: it needs a line for each example"),
        (binary_table, "is not a Parquet file that can be read"),
        (hdf5_channels_first, "move the channels to the end"),
        (hdf5_too_few_labels, "must have one label for each of the 4 images of x, and has the shape (3,)"),
        (hdf5_of_vectors, "must have the shape (n, height, width)"),
        (hdf5_damaged, "cannot be read as an HDF5 file, for it is damaged"),
        (zip_pointing_up, "outside"),
        (zip_of_absolute_paths, "outside"),
        (zip_of_links, "is a link or a device"),
        (tar_pointing_up, "outside"),
        (tar_of_absolute_paths, "outside"),
        (tar_of_links, "is a link or a device"),
        (tar_of_hard_links, "is a link or a device"),
        (damaged_archive, "cannot be unpacked"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_used_gets_one_sentence(
    data: Path, fit: Callable[..., Any], draw_classes: Draw, make: Callable[[Path, Draw], Path], words: str
) -> None:
    ran = fit(make(data, draw_classes))
    assert (ran.code, ran.out) == (1, "")
    [sentence] = [line for line in ran.err.splitlines() if line.startswith("Error: ")]
    assert ran.err.endswith(f"{sentence}\n")
    assert words in sentence
    assert not Path("/tmp/regraft-outside.jpg").exists()


def test_other_commands_tell_the_same(cli: Cli, saved: Path, data: Path, draw_classes: Draw, tmp_path: Path) -> None:
    source = one_class(data, draw_classes)
    (data / "c.zip").write_bytes(b"PK\x03\x04 and no more")
    before = snapshot(data)
    for arguments, words in (
        (("evaluate", saved, source), "only one class"),
        (("table", source, tmp_path / "t.csv"), "only one class"),
        (("predict", saved, data / "c.zip"), "cannot be unpacked"),
        (("embed", data / "c.zip", "--out", tmp_path / "f.npz"), "cannot be unpacked"),
    ):
        ran = cli(*arguments)
        assert (ran.code, ran.out) == (1, "")
        assert words in ran.err
        assert ran.err.count("\n") == 1
    assert snapshot(data) == before
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


# --- data from which little can be learnt -----------------------------------------------------------


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.repeat(noise(1), 40, axis=0), [0, 1] * 20, "All 40 images are copies of one picture"),
        (np.repeat(noise(30), 2, axis=0), [0, 0, 1, 1] * 15, "are copies of others (byte for byte)"),
        (noise(6), [0, 0, 0, 1, 1, 1], "2 classes have fewer than 5 images (0, 1)"),
        (noise(41), [0] * 40 + [1], "1 class has fewer than 5 images (1)"),
        (noise(120), list(range(60)) * 2, "60 classes have fewer than 5 images"),
    ],
    ids=["one image again and again", "pairs", "three a class", "one of a class", "many tiny classes"],
)
def test_poor_data_are_fitted_and_said_to_be_poor(
    images: np.ndarray, labels: list[int], words: str, tmp_path: Path
) -> None:
    result = regraft.fit(images, labels, backbone="tf_efficientnet_lite0")
    assert any(words in sentence for sentence in result.audit.sentences())
    json.dumps(result.to_dict(), allow_nan=False)
    folder = regraft.write_run(result, tmp_path / "run")
    loaded = regraft.Classifier.load(folder / "model.regraft")
    [prediction] = loaded.predict([images[0]])
    assert prediction.label in result.dataset.class_names
