"""A job's plan, its markers, and one shard's file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from regraft.bulk.job import Done, Job, do_shard, marker, part, plan, settle, take_up
from regraft.bulk.listed import Listed
from regraft.bulk.output import Output
from regraft.bulk.work import Embedding
from regraft.errors import UsageError

WORK = Embedding("image", {"names": "test_efficientnet", "weights": "none"})


@pytest.fixture
def source(colours: Path) -> Listed:
    files = sorted(colours.rglob("*.jpg"))
    return Listed(files, [file.name for file in files], [file.parent.name for file in files], "image")


def begin(source: Listed, out: Path, shard_rows: int = 8) -> tuple[Job, Any, dict[str, Any]]:
    opened = WORK.open()
    precisions, width = settle(opened, source, "auto")
    return (
        Job(WORK, precisions, str(out), "image", width),
        opened,
        plan(source, opened, "embed", precisions, shard_rows),
    )


def test_a_shard_s_file_has_a_row_for_each_example(source: Listed, tmp_path: Path) -> None:
    strange = replace(source, examples=[*source.examples[:2], b"no image", *source.examples[3:]])
    job, opened, _ = begin(source, tmp_path)
    done = do_shard(job, opened, Output(job.place), 1, 100, strange.shard(0, 8), engine="auto", keep=False)
    table = pq.read_table(tmp_path / part(1))
    assert table.column_names == ["row", "name", "label", "features", "error"]
    assert table["row"].to_pylist() == list(range(100, 108))
    assert table["name"].to_pylist() == source.names[:8]
    assert table["label"].to_pylist() == source.labels[:8]  # type: ignore[index]
    assert [row is None for row in table["features"].to_pylist()] == [False, False, True] + [False] * 5
    assert [row is None for row in table["error"].to_pylist()] == [True, True, False] + [True] * 5
    assert (done.shard, done.rows, done.unreadable) == (1, 8, 1)
    assert done.size == (tmp_path / part(1)).stat().st_size
    assert done.examples == [f"{source.names[2]}: {table['error'][2]}"]
    assert json.loads((tmp_path / marker(1)).read_text())["rows"] == 8
    about = json.loads(pq.read_schema(tmp_path / part(1)).metadata[b"regraft"])
    assert about["producers"][0]["backbone"] == "test_efficientnet"


def test_a_shard_without_a_readable_row_has_the_same_columns(source: Listed, tmp_path: Path) -> None:
    job, opened, _ = begin(source, tmp_path)
    output = Output(job.place)
    do_shard(job, opened, output, 0, 0, source.shard(0, 8), engine="auto", keep=False)
    lost = replace(source, examples=[b"no image"] * 18)
    do_shard(job, opened, output, 1, 8, lost.shard(8, 16), engine="auto", keep=False)
    assert pq.read_schema(tmp_path / part(0)).equals(pq.read_schema(tmp_path / part(1)))
    assert pq.read_table(tmp_path)["features"].null_count == 8


def test_complete_shards_are_found_again(source: Listed, tmp_path: Path) -> None:
    job, opened, wanted = begin(source, tmp_path)
    output = Output(job.place)
    assert take_up(output, wanted) == []
    done = [
        do_shard(
            job, opened, output, number, 8 * number, source.shard(8 * number, 8 * number + 8), engine="auto", keep=False
        )
        for number in range(2)
    ]
    assert take_up(output, wanted) == done


@pytest.mark.parametrize(
    "harm",
    [
        lambda out: (out / marker(0)).unlink(),
        lambda out: (out / part(0)).unlink(),
        lambda out: (out / part(0)).write_bytes(b"half"),
        lambda out: (out / marker(0)).write_text("{"),
        lambda out: (out / marker(0)).write_text('{"shard": 0}'),
    ],
    ids=["no marker", "no file", "another size", "damaged marker", "poor marker"],
)
def test_a_shard_counts_only_with_file_and_marker(harm: Callable[[Path], Any], source: Listed, tmp_path: Path) -> None:
    job, opened, wanted = begin(source, tmp_path)
    output = Output(job.place)
    take_up(output, wanted)
    do_shard(job, opened, output, 0, 0, source.shard(0, 8), engine="auto", keep=False)
    harm(tmp_path)
    assert take_up(output, wanted) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source": "f00"}, "another set of examples"),
        ({"rows": 3, "source": "f00"}, "another number of examples and another set of examples"),
        ({"shard_rows": 3}, "another --shard-rows"),
        ({"producers": []}, "another backbone or precision"),
    ],
)
def test_the_folder_of_another_job_is_refused(
    change: dict[str, Any], told: str, source: Listed, tmp_path: Path
) -> None:
    _, _, wanted = begin(source, tmp_path)
    take_up(Output(str(tmp_path)), wanted)
    with pytest.raises(UsageError, match=f"but .* is of one with {told}; give what it was begun with"):
        take_up(Output(str(tmp_path)), {**wanted, **change})


def test_the_precision_is_settled_on_the_first_examples_alone(source: Listed) -> None:
    opened = WORK.open()
    precisions, width = settle(opened, source, "auto")
    assert len(precisions) == 1
    assert width == opened.backbones[0].feature_dim


def test_nothing_readable_among_the_first_leaves_the_width_of_the_network(source: Listed) -> None:
    opened = WORK.open()
    lost = replace(source, examples=[b"no image"] * 18)
    assert settle(opened, lost, "auto")[1] == opened.backbones[0].feature_dim


def test_a_marker_is_read_as_it_was_written() -> None:
    done = Done(1, 2, 1, ["a: b"], 9, 0.5, "here:1")
    assert Done(**json.loads(json.dumps(vars(done)))) == done
    assert np.isfinite(done.seconds)
