"""Files here and behind URLs: what is listed, what is read, and what is wrong with one file or with the way to all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest

from regraft.bulk import listed
from regraft.bulk.listed import Listed, Remote, file_system, list_url, remote_files
from regraft.bulk.shards import Lost
from regraft.errors import DataError, RegraftError


@pytest.fixture
def store() -> Any:
    """Return an object store in memory with three pictures and a note."""
    system = fsspec.filesystem("memory")
    for name in ("b/2.jpg", "a/1.jpg", "b/10.jpg", "note.md"):
        system.pipe_file(f"/photos/{name}", name.encode())
    yield system
    system.rm("/photos", recursive=True)


def test_local_files_and_texts_are_sent_as_they_are() -> None:
    source = Listed([Path("a.jpg"), Path("b.jpg"), Path("c.jpg")], ["a", "b", "c"], ["x", "y", "x"], "image")
    shard = source.shard(1, 3)
    assert (source.rows, shard.rows) == (3, 2)
    found = shard.read()
    assert (list(found.examples), found.names, found.labels) == ([Path("b.jpg"), Path("c.jpg")], ["b", "c"], ["y", "x"])
    assert Listed(["some text"], ["row 1"], None, "text").shard(0, 1).read().labels is None


def test_the_digest_tells_sources_apart() -> None:
    def digest(names: list[str], examples: list[Any]) -> str:
        return Listed(examples, names, None, "image").digest()

    one = digest(["a", "b"], [Path("a"), Path("b")])
    assert one == digest(["a", "b"], [Path("moved/a"), Path("moved/b")])
    assert one != digest(["a", "c"], [Path("a"), Path("b")])
    assert digest(["row 1"], ["a text"]) != digest(["row 1"], ["another text"])


def test_what_a_cluster_cannot_read_is_refused() -> None:
    Listed([Path("a.jpg"), "text", Lost("gone")], ["a", "b", "c"], None, "image").check_travels()
    with pytest.raises(DataError, match=r"must be files, texts or Parquet .* unpack them, or use --engine local"):
        Listed([b"bytes"], ["a"], None, "image").check_travels()


def test_paths_for_workers_are_absolute() -> None:
    there = Listed([Path("a.jpg"), "text"], ["a", "b"], None, "image").absolute()
    assert there.examples == [Path("a.jpg").absolute(), "text"]


def test_files_of_a_store_are_listed_in_order_and_fetched(store: Any) -> None:
    _, found, root = list_url("memory://photos")
    source = remote_files("memory://photos", found, root)
    assert (source.rows, source.modality, source.names) == (3, "image", ("a/1.jpg", "b/10.jpg", "b/2.jpg"))
    read = source.shard(1, 3).read()
    assert (list(read.examples), read.names) == ([b"b/10.jpg", b"b/2.jpg"], ["b/10.jpg", "b/2.jpg"])
    assert list(source.shard(0, 1).read().examples) == [b"a/1.jpg"]


def test_a_star_stands_for_some_files(store: Any) -> None:
    _, found, root = list_url("memory://photos/b/*.jpg")
    assert remote_files("memory://photos/b/*.jpg", found, root).names == ("10.jpg", "2.jpg")


def test_the_digest_of_a_store_is_of_its_names(store: Any) -> None:
    _, found, root = list_url("memory://photos")
    one = remote_files("memory://photos", found, root).digest()
    store.pipe_file("/photos/c.jpg", b"c")
    _, found, root = list_url("memory://photos")
    assert remote_files("memory://photos", found, root).digest() != one


def test_a_file_that_is_gone_is_a_row_that_says_so(store: Any) -> None:
    source = Remote("memory://photos", ("/photos/a/1.jpg", "/photos/gone.jpg"), ("a/1.jpg", "gone.jpg"), "image")
    assert list(source.shard(0, 2).read().examples) == [b"a/1.jpg", Lost("file not found")]


def test_a_line_that_fails_is_no_property_of_the_file(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Remote("memory://photos", ("/photos/a/1.jpg",), ("a/1.jpg",), "image")
    monkeypatch.setattr(type(store), "cat", lambda self, paths, on_error: {paths[0]: TimeoutError("no answer")})
    with pytest.raises(RegraftError, match=r"the way to it failed \(no answer\); run the same command again to go on"):
        list(source.shard(0, 1).read().examples)


def test_a_store_may_forbid_a_file() -> None:
    assert listed._bytes_or_lost(PermissionError("no"), "a.jpg") == Lost("no permission to read the file")


def test_what_is_no_store_or_has_nothing_is_told(store: Any) -> None:
    with pytest.raises(DataError, match="must be of a file system that is installed"):
        file_system("nosuchstore://a/b")
    with pytest.raises(DataError, match="must hold files, but there are none"):
        list_url("memory://nothing-here")
    with pytest.raises(DataError, match=r"must hold images, .* 1 other files, such as note\.md; check it"):
        remote_files("memory://photos", ["/photos/note.md"], "/photos")


def test_a_store_out_of_reach_is_told(store: Any) -> None:
    def dead(path: str) -> Any:
        raise ConnectionError("no route to host")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "find", dead, raising=False)
        with pytest.raises(DataError, match=r"must be within reach, but it is not \(no route to host\)"):
            list_url("memory://photos")
