"""The same job on a Ray cluster: the same numbers; no row lost or doubled when workers or the driver are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regraft.bulk.job import Job
from regraft.bulk.listed import Listed
from regraft.bulk.on_ray import run_on_ray, share
from regraft.bulk.running import embed_shards, predict_shards
from regraft.bulk.work import Embedding
from regraft.errors import DataError, RegraftError, UsageError

TINY: dict[str, Any] = {"backbone": "test_efficientnet", "weights": "none"}
Rows = Callable[[Path | str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def cluster(cache: Path) -> Iterator[Any]:
    """Start a cluster of two cores for the tests of this file."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    yield ray
    ray.shutdown()


@pytest.fixture
def many(tables: Path, tmp_path: Path) -> Path:
    """Return a Parquet file of 360 rows."""
    pq.write_table(pa.concat_tables([pq.read_table(tables)] * 20), tmp_path / "many.parquet", row_group_size=16)
    return tmp_path / "many.parquet"


def markers(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((out / "_regraft").glob("part-*.json"))]


def wait_for_markers(out: Path, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = markers(out) if out.exists() else []
        if len(found) >= count:
            return found
        time.sleep(0.002)
    raise AssertionError(f"no {count} markers in {out}")


@pytest.mark.parametrize(
    ("nodes", "workers", "expected"),
    [
        ([2], None, (1, 2)),
        ([8], None, (2, 4)),
        ([8, 8, 4], None, (5, 4)),
        ([2], 2, (2, 1)),
        ([8], 3, (3, 2)),
        ([4, 4], 3, (3, 2)),
        ([0, 16], None, (4, 4)),
        ([1, 16], None, (17, 1)),
    ],
)
def test_cores_are_shared_out_within_machines(nodes: list[int], workers: int | None, expected: tuple[int, int]) -> None:
    assert share(nodes, workers) == expected


def test_more_workers_than_cores_are_refused() -> None:
    with pytest.raises(UsageError, match="--workers must be at most the 2 cores of the cluster, not 3; ask for fewer"):
        share([2], 3)
    with pytest.raises(UsageError, match="must have a core that is free for work, but it has none"):
        share([0], None)


def test_without_ray_the_extra_is_named(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "regraft\[scale\]"'):
        embed_shards(colours, tmp_path / "out", engine="ray", **TINY)


def test_a_cluster_out_of_reach_is_told_at_once(colours: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    import ray

    if ray.is_initialized():
        pytest.skip("connected already")
    with pytest.raises(UsageError, match=r"The Ray cluster must be within reach at 127\.0\.0\.1:9, but it is not"):
        embed_shards(colours, tmp_path / "out", engine="ray", address="127.0.0.1:9", **TINY)


def test_examples_in_an_archive_are_refused(colours: Path, tmp_path: Path) -> None:
    import shutil

    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", colours.parent, colours.name)
    with pytest.raises(DataError, match="What a cluster reads must be files"):
        embed_shards(packed, tmp_path / "out", engine="ray", **TINY)


def test_the_numbers_are_the_local_engine_s(
    cluster: Any, colours: Path, tables: Path, tmp_path: Path, rows: Rows
) -> None:
    for number, data in enumerate((colours, tables)):
        here, there = tmp_path / f"here{number}", tmp_path / f"there{number}"
        embed_shards(data, here, shard_rows=5, **TINY)
        written = embed_shards(data, there, engine="ray", workers=2, shard_rows=5, **TINY)
        assert (written.rows, written.computed, written.shards) == (18, 18, 4)
        assert rows(here) == rows(there)


def test_predictions_are_the_local_engine_s(
    cluster: Any, saved: Path, colours: Path, tmp_path: Path, rows: Rows
) -> None:
    predict_shards(saved, colours, tmp_path / "here", shard_rows=9)
    predict_shards(saved, colours, tmp_path / "there", engine="ray", workers=1, shard_rows=9)
    here, there = rows(tmp_path / "here"), rows(tmp_path / "there")
    assert [row["label"] for row in here] == [row["label"] for row in there]
    assert here[0].keys() == there[0].keys()
    for one, other in zip(here, there, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3)


def test_a_job_here_is_gone_on_with_there(cluster: Any, colours: Path, tmp_path: Path, rows: Rows) -> None:
    embed_shards(colours, tmp_path / "whole", shard_rows=5, **TINY)
    embed_shards(colours, tmp_path / "out", shard_rows=5, **TINY)
    (tmp_path / "out" / "_regraft" / "part-000001.json").unlink()
    written = embed_shards(colours, tmp_path / "out", engine="ray", workers=1, shard_rows=5, **TINY)
    assert written.computed == 5
    assert rows(tmp_path / "out") == rows(tmp_path / "whole")


def test_a_killed_worker_is_replaced_and_no_row_is_lost(cluster: Any, many: Path, tmp_path: Path, rows: Rows) -> None:
    killed: list[int] = []

    def kill() -> None:
        # The process that wrote the last marker, which is at work on another shard by now.
        pid = int(wait_for_markers(tmp_path / "out", 5)[-1]["worker"].rpartition(":")[2])
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    written = embed_shards(many, tmp_path / "out", engine="ray", workers=2, shard_rows=2, **TINY)
    killer.join()
    assert killed
    assert (written.rows, written.computed, written.shards) == (360, 360, 180)
    assert len({one["worker"] for one in markers(tmp_path / "out")}) >= 3
    embed_shards(many, tmp_path / "whole", shard_rows=2, **TINY)
    assert rows(tmp_path / "out") == rows(tmp_path / "whole")


def test_a_killed_driver_s_job_is_gone_on_with(many: Path, tmp_path: Path, rows: Rows, cluster: Any) -> None:
    command = [sys.executable, "-m", "regraft", "embed", many, "--out", tmp_path / "out", "--engine", "ray"]
    command += ["--address", cluster.get_runtime_context().gcs_address, "--workers", "2", "--shard-rows", "2"]
    command += ["--backbone", "test_efficientnet", "--weights", "none"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    wait_for_markers(tmp_path / "out", 5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(3)  # until the cluster has put its workers away
    there = markers(tmp_path / "out")
    assert len(there) < 180
    written = embed_shards(many, tmp_path / "out", engine="ray", workers=2, shard_rows=2, **TINY)
    assert (written.rows, written.shards) == (360, 180)
    assert written.computed <= 360 - 10
    embed_shards(many, tmp_path / "whole", shard_rows=2, **TINY)
    assert rows(tmp_path / "out") == rows(tmp_path / "whole")
    assert not list((tmp_path / "out" / "_regraft").glob(".*"))


def test_what_a_worker_refuses_is_told_in_its_words(cluster: Any, colours: Path, tmp_path: Path) -> None:
    files = sorted(colours.rglob("*.jpg"))
    source = Listed(files, [file.name for file in files], None, "image")
    work = Embedding("image", {"names": "test_efficientnet", "weights": str(tmp_path / "gone.safetensors")})
    job = Job(work, ("f32",), str(tmp_path / "out"), "image", 8)
    with pytest.raises(RegraftError, match=r"gone\.safetensors") as told:
        list(run_on_ray(job, source, [(0, 0, 18)], workers=1))
    assert "Traceback" not in str(told.value)
