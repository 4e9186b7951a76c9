"""The folder of these files' package, and a home for the processes that they run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))


@pytest.fixture
def home(tmp_path: Path, cache: Path):  # type: ignore[no-untyped-def]
    """Return an empty home that shares the converted networks of all tests."""
    from hostile.processes import Home

    return Home(tmp_path / "home", cache)
