"""The index file: what it holds, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from regraft.backbones.lookup import get_backbones
from regraft.errors import BundleError, UsageError
from regraft.exploration.index import Entry, Index, check_place, makers, read_index, stamp, write_index

LITE0 = get_backbones("tf_efficientnet_lite0")


@pytest.fixture
def index() -> Index:
    entries = (
        Entry("a.jpg", "1 2", "aa", label="cat"),
        Entry("caf\udce9.jpg", "3 4", "", "empty (0 bytes)"),
        Entry("b.jpg", "5 6", "bb"),
    )
    features = np.arange(8, dtype=np.float16).reshape(2, 4)
    return Index(entries, features, makers(LITE0, ("bf16",)), np.arange(3, dtype=np.uint8))


def rewrite(path: Path, change) -> None:
    """Change an index's head, and save it again."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        head = json.loads(file.metadata()["regraft"])
    change(head)
    save_file(load_file(path), path, {"regraft": json.dumps(head)})


def test_what_is_written_is_read(index: Index, tmp_path: Path) -> None:
    write_index(index, tmp_path / "i.index")
    again = read_index(tmp_path / "i.index", LITE0)
    assert again.entries == index.entries
    assert np.array_equal(again.features, index.features)
    assert again.graph is not None
    assert np.array_equal(again.graph, np.arange(3))
    assert again.precisions == ("bf16",)
    assert [path.name for path in tmp_path.iterdir()] == ["i.index"]


def test_stamps_change_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    assert stamp(file) == ""
    file.write_bytes(b"one")
    first = stamp(file)
    os.utime(file, ns=(1, 1))
    assert len({first, stamp(file), ""}) == 3
    assert stamp(b"one") == stamp(b"one") != stamp(b"two")


def test_another_backbone_is_refused(index: Index, tmp_path: Path) -> None:
    write_index(index, tmp_path / "i.index")
    with pytest.raises(BundleError, match=r"must have features of tf_efficientnet_lite1, .* give --backbone tf_eff"):
        read_index(tmp_path / "i.index", get_backbones("tf_efficientnet_lite1"))
    with pytest.raises(BundleError, match="same weights and pixels as are asked for"):
        read_index(tmp_path / "i.index", get_backbones("tf_efficientnet_lite0", image_size=96))
    rewrite(tmp_path / "i.index", lambda head: head["made_by"][0].update(weights="0" * 64))
    with pytest.raises(BundleError, match="same weights and pixels as are asked for"):
        read_index(tmp_path / "i.index", LITE0)


def test_a_newer_format_is_refused(index: Index, tmp_path: Path) -> None:
    write_index(index, tmp_path / "i.index")
    rewrite(tmp_path / "i.index", lambda head: head.update(version=2))
    with pytest.raises(BundleError, match="must have index version 1 or lower, but has 2; install a newer regraft"):
        read_index(tmp_path / "i.index", LITE0)


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head.pop("images"),
        lambda head: head.update(images=[{"name": "a"}]),
        lambda head: head.update(images=[{"name": 1, "stamp": "", "digest": ""}]),
        lambda head: head.update(images=3),
        lambda head: head.update(made_by=[{}]),
        lambda head: head.update(made_by=7),
        lambda head: head["images"].pop(),
        lambda head: head.update(made_by=[]),
    ],
)
def test_a_malformed_head_is_refused(index: Index, tmp_path: Path, change) -> None:
    write_index(index, tmp_path / "i.index")
    rewrite(tmp_path / "i.index", change)
    with pytest.raises(
        BundleError, match=r"must be an index that `regraft search` wrote, but its (parts|features) are"
    ):
        read_index(tmp_path / "i.index", LITE0)


@pytest.mark.parametrize("content", [b"", b"text", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"\xff" * 64])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "i.index").write_bytes(content)
    with pytest.raises(BundleError, match="must be an index that `regraft search` wrote, but it "):
        read_index(tmp_path / "i.index", LITE0)


def test_safetensors_of_another_program_are_refused(tmp_path: Path) -> None:
    save_file({"x": np.zeros(2)}, tmp_path / "i.index", {"regraft": "[]"})
    with pytest.raises(BundleError, match="but it was not written by regraft; remove it"):
        read_index(tmp_path / "i.index", LITE0)


def test_damage_is_noticed(index: Index, tmp_path: Path) -> None:
    write_index(index, tmp_path / "i.index")
    content = bytearray((tmp_path / "i.index").read_bytes())
    content[-6] ^= 1
    (tmp_path / "i.index").write_bytes(content)
    with pytest.raises(BundleError, match="is damaged: its arrays are not those it was written with"):
        read_index(tmp_path / "i.index", LITE0)
    (tmp_path / "i.index").write_bytes(content[:-3])
    with pytest.raises(BundleError, match="it is damaged or of another kind"):
        read_index(tmp_path / "i.index", LITE0)


def test_places_that_will_not_do(index: Index, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--index must be a file, but .* is a folder"):
        check_place(tmp_path)
    with pytest.raises(UsageError, match="--index must be in an existing folder, but there is no "):
        check_place(tmp_path / "no" / "i.index")
    with pytest.raises(BundleError, match="The index must be saved where files can be written"):
        write_index(index, tmp_path / "no" / "i.index")
