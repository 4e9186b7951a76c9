"""What is written is safetensors, is mapped as it was, and is refused when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.backbones.mapped import map_arrays, write_arrays
from regraft.errors import WeightsError

PARTS = {
    "words": np.frombuffer(b"odd", np.uint8),
    "vectors": np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32),
    "counts": np.arange(5),
}


def test_arrays_come_back_mapped(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = tmp_path / "x.safetensors"
    write_arrays(PARTS, path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]
    for found in (map_arrays(path), load_file(path)):
        assert set(found) == set(PARTS)
        for name, array in PARTS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
    assert all(isinstance(array, np.memmap) for array in map_arrays(path).values())


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="x"):
        write_arrays(PARTS, tmp_path / "x")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_arrays(PARTS, path)
    whole = path.read_bytes()
    for content in (whole[:-4], whole[4:], b"", b"\xff" * 100):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"must be whole, but x.safetensors is damaged; copy or save it anew"):
            map_arrays(path)
