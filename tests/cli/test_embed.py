"""regraft embed: features as a file for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

Cli = Callable[..., Any]
ONE = ("--backbone", "tf_efficientnet_lite0")


def test_parquet_and_npz_hold_the_same(cli: Cli, colours: Path, tmp_path: Path, fitted: Any) -> None:
    ran = cli("embed", colours, "--out", tmp_path / "f.parquet", *ONE)
    assert ran.code == 0
    assert ran.out.startswith("18 images x 1,280 features in ")
    assert cli("embed", colours, "--out", tmp_path / "f.npz", *ONE, "--quiet").out == ""
    table = pq.read_table(tmp_path / "f.parquet")
    arrays = np.load(tmp_path / "f.npz", allow_pickle=False)
    assert table.column_names == ["image", "label", "features"]
    assert table["image"].to_pylist() == arrays["images"].tolist() == list(fitted.dataset.names)
    assert table["label"].to_pylist() == arrays["labels"].tolist() == ["blue"] * 6 + ["green"] * 6 + ["red"] * 6
    values = fitted.classifier.features(colours).values
    np.testing.assert_array_equal(np.array(table["features"].to_pylist(), np.float32), values)
    np.testing.assert_array_equal(arrays["features"], values)
    assert {path.name for path in tmp_path.iterdir()} == {"f.parquet", "f.npz"}


def test_json_and_what_was_skipped(cli: Cli, tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    folder = draw_classes(tmp_path / "some", 2, ("red", "blue"), seed=30)
    (folder / "red" / "empty.jpg").touch()
    ran = cli("embed", folder, "--out", tmp_path / "f.npz", *ONE, "--json", "--skip-unreadable")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found.keys() == {"out", "shape", "seconds", "cache", "skipped"}
    assert (found["shape"], found["skipped"]) == ([4, 1280], [{"name": "red/empty.jpg", "reason": "empty (0 bytes)"}])
    text = cli("embed", folder, "--out", tmp_path / "g.npz", *ONE, "--skip-unreadable")
    assert text.err == "skipped red/empty.jpg: empty (0 bytes)\n"


def test_wrong_files_are_told_before_the_work(cli: Cli, colours: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_text("mine")
    for out, words in (
        (tmp_path / "f.txt", "--out must end in .parquet or .npz"),
        (tmp_path / "mine.npz", "must be a new file, but"),
        (tmp_path / "absent" / "f.npz", "must be in an existing folder"),
    ):
        ran = cli("embed", colours, "--out", out, *ONE)
        assert ran.code == 2
        assert words in ran.err
    assert cli("embed", colours).code == 2
    assert (tmp_path / "mine.npz").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]


def test_a_folder_is_written_in_pieces_and_gone_on_with(cli: Cli, colours: Path, tmp_path: Path) -> None:
    arguments = ("embed", colours, "--out", tmp_path / "features", *ONE, "--shard-rows", 7)
    ran = cli(*arguments)
    assert ran.code == 0
    assert ran.out.startswith("18 rows in 3 files, ")
    again = cli(*arguments, "--json")
    found = json.loads(again.out)
    assert (found["rows"], found["computed"], found["shards"], found["unreadable"]) == (18, 0, 3, 0)
    assert "18 of them were there already" in cli(*arguments).out
    assert cli(*arguments, "--quiet").out == ""
    cli("embed", colours, "--out", tmp_path / "f.npz", *ONE)
    table = pq.read_table(tmp_path / "features").sort_by("row")
    expected = np.load(tmp_path / "f.npz", allow_pickle=False)["features"]
    np.testing.assert_array_equal(np.array(table["features"].to_pylist(), np.float32), expected)


def test_what_could_not_be_read_is_named(cli: Cli, tmp_path: Path, draw_classes: Callable[..., Path]) -> None:
    folder = draw_classes(tmp_path / "some", 2, ("red", "blue"), seed=31)
    (folder / "red" / "empty.jpg").touch()
    ran = cli("embed", folder, "--out", tmp_path / "features", *ONE, "--skip-unreadable")
    assert ran.code == 0
    assert ran.err == "not read: red/empty.jpg: empty (0 bytes)\n"
    assert ran.out.splitlines()[1] == "1 of them could not be read; their column error says why"
    refused = cli("embed", folder, "--out", tmp_path / "others", *ONE)
    assert refused.code == 1
    assert "At most 5% of the examples may be unreadable" in refused.err


def test_options_of_folders_are_not_for_files(cli: Cli, colours: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("--shard-rows", 5), "--shard-rows is of a folder of Parquet files, but --out"),
        (("--engine", "ray"), "--engine ray writes a folder of Parquet files, but --out"),
        (("--workers", 2), "--workers is of a folder of Parquet files, but --out"),
        (("--column", "image"), "--column is for a folder of Parquet files, but --out"),
    ):
        ran = cli("embed", colours, "--out", tmp_path / "f.npz", *ONE, *arguments)
        assert ran.code == 2
        assert words in ran.err
    assert not list(tmp_path.iterdir())


def test_local_is_an_engine_for_files_too(cli: Cli, colours: Path, tmp_path: Path) -> None:
    assert cli("embed", colours, "--out", tmp_path / "f.npz", *ONE, "--engine", "local").code == 0
