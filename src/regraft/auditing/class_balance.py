"""How evenly the images are spread over the classes, and whether every part has every class."""

from __future__ import annotations

import numpy as np

from regraft.auditing.findings import Classes
from regraft.data.dataset import SPLITS, Dataset

TINY = 5
"""A class with fewer images can hardly be both learnt and tested."""


def class_balance(dataset: Dataset) -> Classes:
    """Count the images of each class, in all and in the parts."""
    names, k = dataset.class_names, len(dataset.class_names)
    counts = np.bincount(dataset.y, minlength=k)
    there = counts[counts > 0]
    parts = {part: dataset.part(part) for part in SPLITS} if dataset.split is not None else {}
    missing = {}
    for part, index in parts.items():
        absent = np.flatnonzero((np.bincount(dataset.y[index], minlength=k) == 0) & (counts > 0))
        if len(index) and len(absent):
            missing[part] = tuple(names[i] for i in absent)
    return Classes(
        counts={name: int(count) for name, count in zip(names, counts, strict=True) if count},
        parts={part: len(index) for part, index in parts.items() if len(index)},
        ratio=float(there.max() / there.min()) if len(there) > 1 else None,
        tiny=tuple(names[i] for i in np.flatnonzero((counts > 0) & (counts < TINY))),
        missing=missing,
    )
