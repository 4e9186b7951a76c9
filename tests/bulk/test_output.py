"""A job's folder: files appear whole, in a folder here or behind a URL; what is not ours is refused."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from regraft.bulk.output import PLAN, Output
from regraft.errors import RegraftError, UsageError


@pytest.mark.parametrize("kind", ["path", "file", "memory"])
def test_what_is_written_is_read_again(kind: str, tmp_path: Path) -> None:
    place = {"path": str(tmp_path / "out"), "file": f"file://{tmp_path / 'out'}", "memory": "memory://bulk-out"}[kind]
    output = Output(place)
    assert output.sizes() == {}
    assert output.read_json(PLAN) is None
    output.write("part.parquet", b"12345")
    output.write("part.parquet", b"1234567")
    output.write_json(PLAN, {"rows": 3})
    assert output.read_json(PLAN) == {"rows": 3}
    assert {name: size for name, size in output.sizes().items() if name == "part.parquet"} == {"part.parquet": 7}
    if kind == "memory":
        fsspec.filesystem("memory").rm("/bulk-out", recursive=True)


def test_a_path_is_the_same_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Output("out").absolute == str(tmp_path / "out")
    assert Output("memory://out").absolute == "memory://out"


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output(str(tmp_path))
    output.write("part.parquet", b"old")

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        output.write("part.parquet", b"new")
    assert (tmp_path / "part.parquet").read_bytes() == b"old"


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    output = Output(str(tmp_path))
    output.write_json(PLAN, {})
    left = tmp_path / "_regraft" / ".part-000001.parquet.123-ab"
    left.write_bytes(b"half")
    output.sweep()
    assert not left.exists()
    assert (tmp_path / PLAN).exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(
        UsageError, match=r"must be a new or empty folder, or one of the same job, but .* something else"
    ):
        Output(str(tmp_path)).check_new()
    Output(str(tmp_path)).write_json(PLAN, {})
    Output(str(tmp_path)).check_new()


def test_a_damaged_plan_is_none(tmp_path: Path) -> None:
    output = Output(str(tmp_path))
    for content in (b"{", b"[1]", b"\xff"):
        output.write(PLAN, content)
        assert output.read_json(PLAN) is None


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(RegraftError, match=r"must be written where there is room and leave, but .* cannot"):
        Output(str(tmp_path / "file" / "below")).write("part.parquet", b"1")
