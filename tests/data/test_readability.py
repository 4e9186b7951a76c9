from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from regraft.data.dataset import Skipped
from regraft.data.readability import unreadable


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def test_what_cannot_be_decoded_is_found_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "page.jpg").write_bytes(b"<html></html>")
    (tmp_path / "good.jpg").write_bytes(jpeg())
    examples = [tmp_path / "good.jpg", tmp_path / "empty.jpg", jpeg(), tmp_path / "page.jpg", tmp_path / "gone.jpg"]
    names = ["good", "empty", "bytes", "page", "gone"]
    found = unreadable(examples, names, 32)
    assert list(found) == [1, 3, 4]
    assert found[1] == Skipped("empty", "empty (0 bytes)")
    assert [found[i].name for i in (3, 4)] == ["page", "gone"]
    assert all(skipped.reason for skipped in found.values())


def test_nothing_is_found_where_all_can_be_read() -> None:
    assert unreadable([jpeg(), np.zeros((9, 9, 3), np.uint8)], ["a", "b"], 32) == {}
    assert unreadable([], [], 32) == {}
