"""A saved classifier that may be changed, and images of a class that it does not know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.evidence.memory import Memory


@pytest.fixture
def changeable(fitted: Any, tmp_path: Path) -> Path:
    """Return the file of a classifier of its own, which remembers its images."""
    dataset, classifier = fitted.dataset, fitted.classifier
    values = classifier.features(list(dataset.examples)).values
    memory = Memory.draw(values, dataset.y, classifier.score_fitted(values), classifier.widths)
    replace(classifier, memory=memory).save(tmp_path / "model.regraft")
    return tmp_path / "model.regraft"


@pytest.fixture
def yellow(tmp_path: Path) -> list[Path]:
    """Return six images of a new colour."""
    (tmp_path / "yellow").mkdir()
    files = [tmp_path / "yellow" / f"{number}.png" for number in range(6)]
    for number, file in enumerate(files):
        noise = np.random.default_rng(number).normal(0, 25, (64, 72, 3))
        Image.fromarray(np.clip(np.array((230, 220, 60)) + noise, 0, 255).astype(np.uint8)).save(file)
    return files
