"""A small text encoder with weights of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_ENCODERS = Path(__file__).parent.parent / "backbones" / "conftest.py"


@pytest.fixture(scope="session")
def text_backbone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a BERT of three layers, with dropout."""
    from regraft.backbones.encoders import find_encoder

    spec = importlib.util.spec_from_file_location("small_encoders", _ENCODERS)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return find_encoder(made._write(tmp_path_factory.mktemp("encoders") / "small-bert"))
