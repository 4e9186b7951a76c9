"""regraft audit: what it prints, writes, and refuses before any work."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Cli = Callable[..., Any]

LITE0 = ("--backbone", "tf_efficientnet_lite0")


@pytest.fixture
def faulty(tmp_path: Path, draw_classes: Callable[..., Path]) -> Path:
    """Return a folder with train and test, a leak of bytes, one of a picture saved anew, and a broken file."""
    draw_classes(tmp_path / "pets" / "train", 8, ("blue", "red"))
    draw_classes(tmp_path / "pets" / "test", 4, ("blue", "red"), seed=500)
    train, test = tmp_path / "pets" / "train", tmp_path / "pets" / "test"
    shutil.copy(train / "blue" / "blue-0-1.jpg", test / "blue" / "again.jpg")
    with Image.open(train / "red" / "red-0-2.jpg") as image:
        image.save(test / "red" / "anew.jpg", quality=60)
    (train / "red" / "broken.jpg").write_bytes(b"<html>")
    return tmp_path / "pets"


def test_findings_are_printed_and_the_page_is_written(
    cli: Cli, faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = cli("audit", faulty, *LITE0)
    assert (ran.code, ran.err) == (0, "")
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("pets-audit-")
    assert {path.name for path in run.iterdir()} == {"audit.html", "audit.json", "config.yaml"}
    lines = ran.out.splitlines()
    assert lines[0] == "27 images in 2 classes."
    table = {line[:13].strip(): line[14:] for line in lines[2:9]}
    assert table["copies"] == "2 images, 2 groups, 1 of them exact"
    assert table["leaks"] == "2 of 10 test images"
    assert table["unreadable"] == "1"
    assert table["order"] == "not measured"
    assert table["classes"] == "2, of 13 to 13 images"
    [first] = [line for line in lines if line.startswith("- 2 of the 10 test images (20%)")]
    assert "(1 of them byte for byte)" in first
    assert any(
        line.startswith("- 1 of 27 images cannot be used, such as train/red/broken.jpg (not an") for line in lines
    )
    assert any(line.startswith("Note: The order of the data is judged from 50 images on") for line in lines)
    assert lines[-1].split() == ["page", str(Path("runs") / run.name / "audit.html")]
    assert "regraft audit " in (run / "audit.html").read_text()


def test_json_is_the_file(cli: Cli, faulty: Path, tmp_path: Path) -> None:
    ran = cli("audit", faulty, *LITE0, "--json", "--quiet", "--out", tmp_path / "deep" / "out")
    assert (ran.code, ran.err) == (0, "")
    printed = json.loads(ran.out)
    assert printed.pop("out") == str(tmp_path / "deep" / "out")
    assert printed == json.loads((tmp_path / "deep" / "out" / "audit.json").read_text())
    assert {"duplicates", "leaks", "label_errors", "unreadable", "shortcuts", "order", "classes"} <= set(printed)
    assert sorted(leak["image"] for leak in printed["leaks"]) == ["test/blue/again.jpg", "test/red/anew.jpg"]


def test_the_cleaned_table(cli: Cli, faulty: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in faulty.rglob("*.jpg")}
    ran = cli("audit", faulty, *LITE0, "--quiet", "--out", tmp_path / "out", "--fix-out", tmp_path / "clean.csv")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == f"clean table {tmp_path / 'clean.csv'}: 24 of 26 images"
    with (tmp_path / "clean.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "label", "split", "note"]
    images = {row["image"] for row in rows}
    assert {"pets/test/blue/again.jpg", "pets/test/red/anew.jpg"} < images
    assert not images & {"pets/train/blue/blue-0-1.jpg", "pets/train/red/red-0-2.jpg", "pets/train/red/broken.jpg"}
    assert before == {path: path.read_bytes() for path in faulty.rglob("*.jpg")}


def test_what_is_refused_before_any_work(
    cli: Cli, faulty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regraft.cli.audit.audit", None)  # whoever calls it fails
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    for options, words in (
        (("--out", tmp_path / "run"), "--out must be a new or empty folder"),
        (("--fix-out", tmp_path / "clean.txt"), "--fix-out must end in .csv, .tsv, .parquet"),
        (("--fix-out", tmp_path / "run" / "notes.csv" / "x.csv"), "--fix-out must be in an existing folder"),
    ):
        ran = cli("audit", faulty, *options)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err


def test_bad_data_are_told_in_a_sentence(cli: Cli, tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    alone = draw_classes(tmp_path / "alone", 5, ("blue",))
    for data, words in ((alone, "one class"), (tmp_path / "nowhere", "does not exist")):
        ran = cli("audit", data, *LITE0, "--out", tmp_path / "out")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("Error: ")
        assert words in ran.err
        assert ran.err.count("\n") == 1


def test_a_table_of_an_archive_cannot_be_cleaned(cli: Cli, faulty: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", faulty)
    ran = cli("audit", archive, *LITE0, "--quiet", "--out", tmp_path / "out", "--fix-out", tmp_path / "clean.csv")
    assert ran.code == 1
    assert "A cleaned table must name files, but the images of packed are none of their own" in ran.err
    assert (tmp_path / "out" / "audit.html").is_file()
    assert not (tmp_path / "clean.csv").exists()
