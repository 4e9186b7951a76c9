"""Pictures that are on every installation, to try on a classifier what it has never seen."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from regraft.data.dataset import Dataset

Picture = npt.NDArray[np.uint8]

EACH = 20
"""Pictures of each source."""

SIDE = 224

CELL = (300, 300)
"""Height and width of a solar cell's picture."""


def strangers(dataset: Dataset | None = None, seed: int = 0) -> tuple[list[Picture], list[str]]:
    """Return some 60 pictures that have little to do with anybody's classes.

    They are cut from the two photographs that come with scikit-learn (a temple, a flower), drawn from its
    handwritten digits, and, where the package elpv-dataset is installed, from its solar cells. A kind that the data
    may be about is left out: its word is in their names, or their arrays have its size.

    Parameters
    ----------
    dataset : Dataset, optional
        The data that the pictures are to be strange to.
    seed : int
        Draws the pictures.

    Returns
    -------
    pictures : list of uint8 arrays of shape (h, w, 3)
    names : list of str
        A kind ("temple", "flower", "digit", "cell"), a space, and which of it.
    """
    rng = np.random.default_rng(seed)
    found = [*_crops(rng), *_digits(rng), *_cells(rng)]
    if dataset is not None:
        own = {kind for kind in ("temple", "flower", "digit", "cell") if _is_about(dataset, kind)}
        found = [each for each in found if each[0].split()[0] not in own]
    return [picture for _, picture in found], [name for name, _ in found]


def _is_about(dataset: Dataset, kind: str) -> bool:
    named = (dataset.name, *dataset.names, *(name for names in dataset.classes.values() for name in names))
    if any(kind in name.lower() for name in named):
        return True
    first = dataset.examples[0] if len(dataset) else None
    return kind == "cell" and isinstance(first, np.ndarray) and first.shape[:2] == CELL


def _crops(rng: np.random.Generator) -> Iterator[tuple[str, Picture]]:
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images()
    for kind, photograph in zip(("temple", "flower"), photographs.images, strict=True):
        for number in range(EACH // 2):
            top, left = (int(rng.integers(0, length - SIDE + 1)) for length in photograph.shape[:2])
            yield f"{kind} {number}", np.ascontiguousarray(photograph[top : top + SIDE, left : left + SIDE])


def _digits(rng: np.random.Generator) -> Iterator[tuple[str, Picture]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number in rng.choice(len(digits.images), EACH, replace=False):
        grey = np.round(digits.images[number] * (255 / 16)).astype(np.uint8)
        enlarged = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        yield f"digit {number}", np.repeat(enlarged[:, :, None], 3, axis=2)


def _cells(rng: np.random.Generator) -> Iterator[tuple[str, Picture]]:
    package = find_spec("elpv_dataset")
    if package is None or package.origin is None:
        return
    files = sorted((Path(package.origin).parent / "data" / "images").glob("*.png"))
    for number in rng.permutation(len(files))[:EACH]:
        picture = cv2.imread(str(files[number]), cv2.IMREAD_COLOR_RGB)
        if picture is not None:
            yield f"cell {number + 1}", picture.astype(np.uint8)
