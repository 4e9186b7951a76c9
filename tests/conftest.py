"""What all tests share: a cache of their own, no network, and small images that are easy to tell apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"

COLOURS = {"blue": (40, 60, 200), "green": (50, 170, 60), "red": (200, 50, 40)}


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, so that each network is converted once."""
    root = tmp_path_factory.mktemp("cache")
    os.environ["REGRAFT_CACHE"] = str(root)
    return root


def draw(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (72, 64)) -> Image.Image:
    """Return a noisy image of one colour, (width, height) pixels."""
    noise = np.random.default_rng(seed).normal(0, 25, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


@pytest.fixture
def draw_classes() -> Callable[..., Path]:
    """Return a function that fills a folder with class folders of drawn JPEGs."""

    def make(folder: Path, count: int = 6, classes: tuple[str, ...] = ("blue", "green", "red"), seed: int = 0) -> Path:
        for number, name in enumerate(classes):
            (folder / name).mkdir(parents=True)
            for i in range(count):
                draw(COLOURS[name], seed + 1000 * number + i).save(folder / name / f"{name}-{seed}-{i}.jpg")
        return folder

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real images, or skip."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("REGRAFT_DATA", default))
    if not folder.is_dir():
        pytest.skip("no folder of real images: set REGRAFT_DATA")
    return folder
