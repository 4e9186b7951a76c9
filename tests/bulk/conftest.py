"""What the tests of many examples share: images in Parquet, and a tiny network that needs no weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

TINY: dict[str, Any] = {"backbone": "test_efficientnet", "weights": "none"}


@pytest.fixture(scope="session")
def tables(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two Parquet files with the 18 images of `colours` as bytes, in row groups of 4."""
    folder = tmp_path_factory.mktemp("tables") / "images"
    folder.mkdir()
    files = sorted(colours.rglob("*.jpg"))
    for number, some in enumerate((files[:7], files[7:])):
        table = pa.table({"image": [file.read_bytes() for file in some], "key": [file.name for file in some]})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=4)
    return folder


@pytest.fixture
def rows() -> Callable[[Path | str], list[dict[str, Any]]]:
    """Return a function that reads a job's folder as rows in order, the way any reader of Parquet does."""

    def read(out: Path | str) -> list[dict[str, Any]]:
        return pq.read_table(out).sort_by("row").to_pylist()

    return read


def features(found: list[dict[str, Any]]) -> np.ndarray:
    """Return the features (n, d) of some rows."""
    return np.array([row["features"] for row in found], np.float32)
