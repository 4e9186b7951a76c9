"""Drawn pictures, each unlike the others, with their looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from regraft.data.dataset import Dataset
from regraft.data.images import digest
from regraft.data.looks import Looks, thumbnail_of


@pytest.fixture(scope="session")
def scene() -> Callable[..., np.ndarray]:
    """Return a function that draws a soft, coloured picture (side, side, 3), another one for each seed."""

    def draw(seed: int, side: int = 96) -> np.ndarray:
        noise = np.random.default_rng(seed).uniform(0, 255, (9, 9, 3)).astype(np.float32)
        return np.clip(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def look() -> Callable[..., Looks]:
    """Return a function that looks at arrays."""

    def looks(images: Sequence[np.ndarray], sizes: Sequence[int] | None = None) -> Looks:
        return Looks(
            tuple(digest(image) for image in images),
            np.array(sizes if sizes is not None else [0] * len(images), np.int64),
            np.array([image.shape[:2] for image in images], np.int64),
            np.array([thumbnail_of(image) for image in images]),
        )

    return looks


@pytest.fixture(scope="session")
def labelled() -> Callable[..., Dataset]:
    """Return a function that makes a dataset of labels, without images."""

    def make(
        y: Sequence[int], split: Sequence[str] | None = None, names: Sequence[str] | None = None, k: int | None = None
    ) -> Dataset:
        labels = np.asarray(y, np.int64)
        return Dataset(
            examples=[None] * len(labels),
            names=tuple(names if names is not None else (f"{i}.png" for i in range(len(labels)))),
            labels={"label": labels},
            classes={"label": tuple(f"class {c}" for c in range(k or int(labels.max()) + 1))},
            split=None if split is None else np.array(split, "<U5"),
        )

    return make


@pytest.fixture(scope="session")
def separable() -> Callable[..., np.ndarray]:
    """Return a function that makes features (n, 32) by which labels can be told; `noise` makes it harder."""

    def make(y: Sequence[int], noise: float = 1.0, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        centres = rng.normal(0, 2, (int(np.max(y)) + 1, 32))
        return (centres[np.asarray(y)] + noise * rng.normal(size=(len(y), 32))).astype(np.float32)

    return make


@pytest.fixture
def folder_of_scenes(tmp_path: Path, scene: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """Return a function that writes PNG scenes below a folder: name -> seed."""

    def write(files: dict[str, int], name: str = "scenes") -> Path:
        for file, seed in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), scene(seed))
        return tmp_path / name

    return write
