"""Many examples to a folder: what is in it, how a stopped job is gone on with, what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import regraft
from regraft.bulk import running
from regraft.bulk.running import embed_shards, predict_shards
from regraft.errors import DataError, UsageError
from regraft.multitask.model import TaskHead, Tasks

TINY: dict[str, Any] = {"backbone": "test_efficientnet", "weights": "none"}
Rows = Callable[[Path | str], list[dict[str, Any]]]


def values(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([row["features"] for row in rows], np.float32)


def test_the_folder_holds_what_embed_gives(colours: Path, tmp_path: Path, rows: Rows) -> None:
    written = embed_shards(colours, tmp_path / "out", shard_rows=7, **TINY)
    expected = regraft.embed(colours, **TINY)
    found = rows(tmp_path / "out")
    np.testing.assert_array_equal(values(found), expected.features.values)
    assert [row["name"] for row in found] == list(expected.names)
    assert [row["label"] for row in found] == list(expected.labels)
    assert [row["row"] for row in found] == list(range(18))
    assert (written.rows, written.computed, written.unreadable, written.shards) == (18, 18, 0, 3)


def test_files_parquet_and_urls_give_the_same_numbers(colours: Path, tables: Path, tmp_path: Path, rows: Rows) -> None:
    expected = regraft.embed(colours, **TINY).features.values
    for number, data in enumerate((tables, f"file://{colours}", f"file://{tables}")):
        embed_shards(data, tmp_path / str(number), shard_rows=5, **TINY)
        np.testing.assert_array_equal(values(rows(tmp_path / str(number))), expected)


def test_an_archive_is_read_to_its_end(colours: Path, tmp_path: Path, rows: Rows) -> None:
    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", colours.parent, colours.name)
    written = embed_shards(packed, tmp_path / "out", shard_rows=7, **TINY)
    assert (written.rows, written.unreadable) == (18, 0)
    np.testing.assert_array_equal(values(rows(tmp_path / "out")), regraft.embed(colours, **TINY).features.values)


def test_a_second_run_computes_nothing(colours: Path, tmp_path: Path) -> None:
    first = embed_shards(colours, tmp_path / "out", shard_rows=7, **TINY)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    second = embed_shards(colours, tmp_path / "out", shard_rows=7, **TINY)
    assert (second.rows, second.computed, second.shards) == (first.rows, 0, 3)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")} == before


def test_a_job_that_was_killed_is_gone_on_with(tables: Path, tmp_path: Path, rows: Rows) -> None:
    table = pa.concat_tables([pq.read_table(tables)] * 12)
    pq.write_table(table, tmp_path / "many.parquet", row_group_size=16)
    code = (
        "import sys; from regraft.bulk.running import embed_shards; "
        f"embed_shards({str(tmp_path / 'many.parquet')!r}, {str(tmp_path / 'out')!r}, shard_rows=2, **{TINY!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 100
    while len(list((tmp_path / "out").glob("*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = len(list((tmp_path / "out" / "_regraft").glob("part-*.json")))
    assert 2 <= there < 108
    written = embed_shards(tmp_path / "many.parquet", tmp_path / "out", shard_rows=2, **TINY)
    assert written.rows == 216
    assert written.computed == 216 - 2 * there
    embed_shards(tmp_path / "many.parquet", tmp_path / "whole", shard_rows=2, **TINY)
    assert rows(tmp_path / "out") == rows(tmp_path / "whole")


def test_progress_is_told_in_rows(colours: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    embed_shards(colours, tmp_path / "out", shard_rows=8, progress=lambda *each: told.append(each), **TINY)
    assert told == [(8, 18), (16, 18), (18, 18)]


def test_predictions_are_those_of_the_classifier(
    saved: Path, fitted: Any, colours: Path, tmp_path: Path, rows: Rows
) -> None:
    written = predict_shards(saved, colours, tmp_path / "out", shard_rows=10)
    assert (written.rows, written.shards) == (18, 2)
    for row, expected in zip(rows(tmp_path / "out"), fitted.classifier.predict(colours), strict=True):
        assert (row["name"], row["label"]) == (expected.name, expected.label)
        assert row["probability"] == pytest.approx(expected.confidence, abs=1e-6)
        assert (row["unfamiliar"], row["error"]) == (expected.unfamiliar, None)


def test_a_model_of_several_tasks_has_a_column_for_each(fitted: Any, colours: Path, tmp_path: Path, rows: Rows) -> None:
    draw = np.random.default_rng(0)
    coef = draw.normal(size=(2, 1280))
    heads = (
        TaskHead("colour", "classes", ("warm", "cold"), (0,), None, coef, np.zeros(2), "linear"),
        TaskHead("marks", "multi-label", ("a", "b"), (0,), None, coef, np.zeros(2), "linear"),
        TaskHead("weight", "numbers", (), (0,), None, coef[:1], np.array([100.0]), "linear"),
    )
    classifier = fitted.classifier
    model = Tasks(heads, classifier.backbones, classifier.precisions, classifier.widths)
    model.save(tmp_path / "m.regraft")
    predict_shards(tmp_path / "m.regraft", colours, tmp_path / "out", shard_rows=9)
    for row, one in zip(rows(tmp_path / "out"), model.predict(colours), strict=True):
        assert row["colour"] == one.answers["colour"].value
        assert row["marks"] == list(one.answers["marks"].value)
        assert row["weight"] == pytest.approx(one.answers["weight"].value)


def test_texts_in_parquet(tmp_path: Path, rows: Rows) -> None:
    pytest.importorskip("sentence_transformers")
    texts = ["a fine film", "dull and long", "", "a fine film"]
    pq.write_table(pa.table({"id": ["a", "b", "c", "d"], "review": texts}), tmp_path / "t.parquet")
    written = embed_shards(tmp_path / "t.parquet", tmp_path / "out", column="review", skip_unreadable=True)
    found = rows(tmp_path / "out")
    assert [row["name"] for row in found] == ["a", "b", "c", "d"]
    assert found[0]["features"] == found[3]["features"] != found[1]["features"]
    assert (written.unreadable, found[2]["features"]) == (1, None)
    assert found[2]["error"]


def test_too_many_unreadable_rows_stop_the_job_unless_told_otherwise(
    draw_classes: Any, tmp_path: Path, rows: Rows
) -> None:
    folder = draw_classes(tmp_path / "photos", 5, ("red", "blue"))
    (folder / "red" / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(
        DataError, match=r"At most 5% of the examples may be unreadable, but 1 of 11 already are \(.*broken"
    ):
        embed_shards(folder, tmp_path / "out", shard_rows=4, **TINY)
    written = embed_shards(folder, tmp_path / "out", shard_rows=4, skip_unreadable=True, **TINY)
    assert (written.rows, written.unreadable) == (11, 1)
    assert [row["features"] is None for row in rows(tmp_path / "out")].count(True) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"engine": "spark"}, "--engine must be one of auto, local, openvino, torch, ray, not 'spark'"),
        ({"workers": 2}, "--workers is of a Ray cluster, but --engine is auto; add --engine ray, or leave it out"),
        ({"address": "auto"}, "--address is of a Ray cluster"),
        ({"engine": "ray", "workers": 0}, "--workers must be a whole number above 0, not 0"),
        ({"shard_rows": 0}, "--shard-rows must be a whole number above 0, not 0"),
    ],
)
def test_settings_are_checked_before_the_work(
    settings: dict[str, Any], told: str, colours: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        embed_shards(colours, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_classifier_of_images_names_no_texts(saved: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"review": ["good", "bad"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="This classifier names images"):
        predict_shards(saved, tmp_path / "t.parquet", tmp_path / "out", column="review")


def test_the_memory_of_a_long_job_does_not_grow_with_its_rows(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    plain = running.run_here

    def watched(job: Any, opened: Any, source: Any, spans: Any, engine: Any) -> Any:
        for done in plain(job, opened, source, spans, engine):
            sizes.append(done.rows)
            yield done

    monkeypatch.setattr(running, "run_here", watched)
    embed_shards(colours, tmp_path / "out", shard_rows=4, **TINY)
    assert sizes == [4, 4, 4, 4, 2]
