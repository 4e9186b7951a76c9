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
