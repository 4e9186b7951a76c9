"""A small text encoder with weights of its own, and two domains of texts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.data.sources import read_source

_ENCODERS = Path(__file__).parent.parent / "backbones" / "conftest.py"


@pytest.fixture(scope="session")
def text_backbone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a BERT of three layers, with dropout."""
    pytest.importorskip("transformers")
    from regraft.backbones.encoders import find_encoder

    spec = importlib.util.spec_from_file_location("small_encoders", _ENCODERS)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return find_encoder(made._write(tmp_path_factory.mktemp("encoders") / "small-bert"))


@pytest.fixture(scope="session")
def texts() -> tuple[Dataset, Dataset]:
    """Return 24 short texts of cats and dogs, and 12 longer ones."""

    def make(n: int, ends: tuple[str, ...], seed: int) -> Dataset:
        draw = np.random.default_rng(seed)
        labels = ["dog" if i % 2 else "cat" for i in range(n)]
        said = [f"the {label} {draw.choice(ends)}" + " ." * (i // 2) for i, label in enumerate(labels)]
        return read_source(said, labels=labels)

    return make(24, ("sat", "ran", "sat home"), 0), make(12, ("ran ! a", "sat home ! the", "! ran"), 1)
