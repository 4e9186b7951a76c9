"""Small real images in the layouts that people have."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Pictures = Callable[..., Path]


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """Write one small image for each name below a folder, and return the folder."""

    def write(*names: str, folder: str = "data") -> Path:
        root = tmp_path / folder
        for i, name in enumerate(names):
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (6, 4), (i * 20 % 256, 80, 160)).save(file)
        return root

    return write
