"""Pictures of why."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from regraft.reports.explanations import explained, write


def test_each_image_has_a_picture_of_its_shape(fitted: Any) -> None:
    dataset = fitted.dataset
    pictures, notes = explained(fitted.classifier, dataset.examples[:2], dataset.names[:2], [0, 1], longest=50)
    assert notes == ()
    for picture in pictures:
        assert picture is not None
        assert max(Image.open(io.BytesIO(picture)).size) == 50


def test_what_cannot_be_read_has_none(fitted: Any) -> None:
    pictures, _ = explained(fitted.classifier, [b"no image", fitted.dataset.examples[0]], ["a", "b"], [0, 0])
    assert pictures[0] is None and pictures[1] is not None


def test_names_become_files_that_any_system_takes(fitted: Any, tmp_path: Path) -> None:
    images = [np.zeros((20, 30, 3), np.uint8)] * 2
    predictions = fitted.classifier.predict(images)
    assert write(fitted.classifier, images, predictions, tmp_path) == []
    names = sorted(file.name for file in tmp_path.iterdir())
    assert [name[:5] for name in names] == ["0001-", "0002-"]
    assert all(name.isascii() and " " not in name for name in names)
