"""Which images a recipe takes: its own split where the data have none, and fewer where that is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import SPLITS, Dataset
from regraft.errors import UsageError


def as_published(dataset: Dataset, split: dict[str, float], seed: int) -> Dataset:
    """Return the dataset with its own split, or else split as a recipe says.

    Parameters
    ----------
    dataset : Dataset
    split : dict of str to float
        Numbers of images of "train", "val" and "test", in proportion where there are fewer; or shares of all.
    seed : int
    """
    if dataset.split is not None:
        return dataset
    whole = sum(split.values())
    total = len(dataset) if whole <= 1.001 else min(len(dataset), round(whole))
    order = _even_order(dataset.y, seed)
    parts = np.full(len(dataset), "", dtype="<U5")
    start = 0.0
    for part in SPLITS:
        end = start + split.get(part, 0) / whole * total
        parts[order[round(start) : round(end)]] = part
        start = end
    kept = np.flatnonzero(parts)
    counts = ", ".join(f"{(parts == part).sum()} {part}" for part in SPLITS if part in split)
    note = f"no split was given: {counts} of {len(dataset)} images, as the recipe says (stratified by class)"
    return dataset.with_split(parts, note).take(kept)


def limited(dataset: Dataset, limit: int, seed: int) -> Dataset:
    """Return at most `limit` images of each part of the split, with its classes in proportion.

    Raises
    ------
    UsageError
        If that would leave a class nothing to learn from.
    """
    if limit < len(dataset.class_names):
        raise UsageError(
            f"--limit must be at least the number of classes ({len(dataset.class_names)}), so that each has an image "
            f"to learn from, not {limit}."
        )
    kept = []
    for part in SPLITS:
        index = dataset.part(part)
        kept.append(index[_even_order(dataset.y[index], seed)[:limit]])
    found = dataset.take(np.sort(np.concatenate(kept)))
    if len(found) == len(dataset):
        return dataset
    note = f"at most {limit} images of each part are used, as --limit says: {len(found)} of {len(dataset)}"
    return replace(found, notes=(*found.notes, note))


def _even_order(y: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.int64]:
    """Return a random order in which every stretch has the classes in proportion, and the start has all of them."""
    rng = np.random.default_rng(seed)
    by_class = np.lexsort((rng.random(len(y)), y))
    counts = np.bincount(y)
    within = np.empty(len(y))
    within[by_class] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.lexsort((rng.random(len(y)), within / counts[y]))
