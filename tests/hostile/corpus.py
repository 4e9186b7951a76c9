"""The corpus: any number of hostile files, the same for the same seed, each with a name that says how it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hostile.bombs import BOMBS, HEAVY
from hostile.bundles import KINDS, crafted_bundle, sound_bundle
from hostile.mutations import MUTATIONS
from hostile.seeds import SEEDS, seeds

SHARES = {
    "jpeg": 18,
    "png": 14,
    "webp": 8,
    "gif": 7,
    "tiff": 10,
    "image": 6,
    "sound": 5,
    "flac": 4,
    "bundle": 10,
    "hdf5": 5,
    "zip": 4,
    "tar": 2,
    "targz": 2,
    "csv": 2,
    "jsonl": 1,
    "parquet": 2,
}
"""How many of 100 files are of each kind."""

IMAGES = ("jpeg", "png", "webp", "gif", "tiff", "image")
SOUNDS = ("sound", "flac")
SOURCES = ("hdf5", "zip", "tar", "targz", "csv", "jsonl", "parquet")
"""Kinds that are whole data sets."""

ODD_NAMES = ("", ".jpg", ".png", ".JPEG", ".gif", ".tif")
"""Extensions that an image has instead of its own, now and then: nothing may depend on them."""


@dataclass(frozen=True)
class Hostile:
    """One hostile file.

    Parameters
    ----------
    number : int
        Its place in the corpus.
    kind : str
        One of `SHARES`.
    mutation : str
        How it was made.
    name : str
        Number, kind, mutation and extension.
    content : bytes
    """

    number: int
    kind: str
    mutation: str
    name: str
    content: bytes


def corpus(n: int, seed: int = 0, *, heavy: float = 0.0) -> Iterator[Hostile]:
    """Yield the files of a corpus one by one; file i is the same however many there are.

    Parameters
    ----------
    n : int
        How many.
    seed : int
    heavy : float
        Share of the files that would take gigabytes or minutes, such as 0.005; making them takes seconds each kind.
    """
    for number in range(n):
        yield hostile(number, seed, heavy=heavy)


def hostile(number: int, seed: int = 0, *, heavy: float = 0.0) -> Hostile:
    """Return one file of a corpus."""
    rng = np.random.default_rng((seed, number))
    kinds, shares = list(SHARES), np.array(list(SHARES.values()))
    kind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
    if kind == "bundle":
        mutation, content = _bundle(rng)
        extension = ".regraft"
    else:
        mutation, content = _file(kind, rng, heavy)
        extension = SEEDS[kind][0]
    if kind in IMAGES and rng.random() < 0.05:
        extension = ODD_NAMES[int(rng.integers(1, len(ODD_NAMES)))]
    return Hostile(number, kind, mutation, f"{number:06}-{kind}-{mutation}{extension}", content)


def _file(kind: str, rng: np.random.Generator, heavy: float) -> tuple[str, bytes]:
    if rng.random() < heavy and kind in HEAVY:
        makers = HEAVY[kind]
    elif rng.random() < 0.2:
        makers = BOMBS[kind]
    else:
        sound = seeds(kind)
        mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        others = [file for other in ("jpeg", "png", "zip", "sound", "hdf5", "jsonl", kind) for file in seeds(other)]
        return mutation.__name__, mutation(sound[int(rng.integers(len(sound)))], rng, others)
    make = makers[int(rng.integers(len(makers)))]
    return make.__name__, make(rng)


def _bundle(rng: np.random.Generator) -> tuple[str, bytes]:
    if rng.random() < 0.7:
        return crafted_bundle(rng)
    sound = [sound_bundle(name) for name in KINDS]
    mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
    chosen = sound[int(rng.integers(4))]
    return mutation.__name__, mutation(chosen, rng, [*seeds("zip"), *sound[:2]])


def make(folder: Path, n: int, seed: int = 0, *, heavy: float = 0.0) -> list[Path]:
    """Write a corpus to a folder, and return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in corpus(n, seed, heavy=heavy):
        paths.append(folder / file.name)
        paths[-1].write_bytes(file.content)
    return paths
