"""HDF5 files that hold pictures as one array and labels as another."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data.arrays import check_shape, to_pixels
from regraft.data.dataset import SPLITS, Dataset
from regraft.data.filenames import on_one_line, printable
from regraft.data.labels import as_text, labelled
from regraft.data.splits import part_of
from regraft.errors import DataError, RegraftError, UnreadableImage

HDF5_EXTENSIONS = (".h5", ".hdf5", ".hdf", ".he5")

MAX_IMAGE_BYTES = 200_000_000
"""Larger pictures, and larger pieces of a file that are stored as one, are refused before memory is taken for them."""

MAX_IMAGES = 10_000_000
"""Most pictures of one dataset: a few bytes can claim any number."""

ALWAYS_IMAGES, LEAST_BYTES = 1000, 50
"""What number of pictures any dataset may have; more must take so many bytes each in the file, as pictures do."""

MAX_LABEL_BYTES = 4096
"""Most bytes of one label as it is stored."""

_IMAGES = frozenset({"x", "images", "image", "imgs", "img", "data", "features"})
_LABELS = frozenset({"y", "labels", "label", "targets", "target"})
_CLASSES = frozenset({"list_classes", "classes", "class_names", "label_names"})
_LOCK = threading.Lock()


@dataclass(frozen=True)
class H5Row:
    """One picture of an HDF5 dataset, read when asked.

    Parameters
    ----------
    path : Path
        The HDF5 file.
    dataset : str
        The dataset's name, of shape (n, h, w) or (n, h, w, 1 or 3 or 4).
    index : int
        Which picture.
    """

    path: Path
    dataset: str
    index: int

    def read(self) -> np.ndarray:
        """Return the picture as a uint8 array (h, w) or (h, w, c).

        Raises
        ------
        UnreadableImage
            If the file is damaged there, or the pixels are out of range.
        """
        try:
            with _LOCK:
                return to_pixels(_opened(self.path, os.getpid())[self.dataset][self.index], "the row")
        except MemoryError:
            raise UnreadableImage("not enough memory to read it from the HDF5 file") from None
        except Exception as error:  # On foreign bytes h5py raises nearly anything.
            raise UnreadableImage(f"cannot be read from the HDF5 file ({on_one_line(error)})") from error


@functools.lru_cache(maxsize=4)
def _opened(path: Path, process: int) -> Any:
    """Return the open file; a forked process opens its own, for file positions are shared."""
    import h5py

    return h5py.File(path, "r")


@dataclass(frozen=True)
class _Pair:
    """Images and labels of one part of the data, checked."""

    path: Path
    dataset: str
    labels: list[str]


def hdf5_parts(folder: Path, files: Sequence[str]) -> dict[str, Path] | None:
    """Return the HDF5 files of a folder by the split that their names mean, or None if they do not.

    Parameters
    ----------
    folder : Path
        The folder.
    files : sequence of str
        The names of its HDF5 files, such as `train_signs.h5` and `test_signs.h5`.
    """
    parts = {part: folder / name for name in files if (part := _part_in(Path(name).stem))}
    return parts if len(parts) == len(files) and "train" in parts else None


def read_hdf5(files: Path | dict[str, Path]) -> Dataset:
    """Read an HDF5 file of images and labels, or one file for each part of the split.

    Parameters
    ----------
    files : Path, or dict of str to Path
        One file, with `x` and `y` or with `train_set_x`, `train_set_y`, `test_set_x`, `test_set_y`; or a
        file for each of "train", "val" and "test". The labels index `list_classes`, where there is one.

    Returns
    -------
    Dataset
        Its examples are `H5Row`; it holds no pixels.

    Raises
    ------
    DataError
        If a file is not HDF5, the datasets cannot be told apart, or shapes and labels do not fit.
    """
    given = files if isinstance(files, dict) else {"": files}
    pairs: dict[str, _Pair] = {}
    orders: list[tuple[str, ...]] = []
    notes: list[str] = []
    for part, path in given.items():
        found, classes, more_notes = _read_file(path)
        if part and set(found) - {"", part}:
            raise DataError(
                f"{printable(path)} is the {part} file by its name, and holds {', '.join(found)}: rename one."
            )
        pairs |= {own or part: pair for own, pair in found.items()}
        orders += [classes] if classes else []
        notes += more_notes
    if len(set(orders)) > 1:
        raise DataError(f"the files list different classes, {orders[0]} and {orders[1]}: they must be the same.")
    ordered = [(part, pairs[part]) for part in ("", *SPLITS) if part in pairs]
    rows = [(part, pair, i) for part, pair in ordered for i in range(len(pair.labels))]
    first = next(iter(given.values()))
    return labelled(
        [H5Row(pair.path, pair.dataset, i) for _, pair, i in rows],
        [
            f"{pair.dataset}[{i}]" if len(given) == 1 else f"{printable(pair.path.name)}:{pair.dataset}[{i}]"
            for _, pair, i in rows
        ],
        [pair.labels[i] for _, pair, i in rows],
        classes=orders[0] if orders else None,
        split=None if "" in pairs else [part for part, _, _ in rows],
        name=printable(first.stem if len(given) == 1 else first.parent.resolve().name),
        notes=notes,
    )


def list_hdf5(path: Path) -> tuple[list[H5Row], list[str]]:
    """Return the pictures of an HDF5 file and their names, whatever labels there are.

    Raises
    ------
    DataError
        If the file is not HDF5 or holds no array of images by name.
    """
    with _opened_datasets(path) as datasets:
        images = [name for name in datasets if _role(name) == "x"]
        if not images:
            raise _cannot_tell(path, datasets)
        for name in images:
            _check_images(datasets[name], path)
        rows = [H5Row(path, name, i) for name in images for i in range(len(datasets[name]))]
    return rows, [f"{row.dataset}[{row.index}]" for row in rows]


def _read_file(path: Path) -> tuple[dict[str, _Pair], tuple[str, ...], list[str]]:
    """Return the checked pairs of one file by part ("" where it has no parts), its classes, and notes."""
    with _opened_datasets(path) as datasets:
        roles: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"x": [], "y": []})
        for name in datasets:
            if role := _role(name):
                roles[_part_in(name) or ""][role].append(name)
        if len(roles) > 1:
            roles.pop("", None)
        unlabelled = [part for part, role in roles.items() if part not in ("", "train") and not role["y"]]
        notes = [f"{roles.pop(part)['x'][0]} is not used: it has no labels" for part in unlabelled]
        if not roles or any(len(role["x"]) != 1 or len(role["y"]) != 1 for role in roles.values()):
            raise _cannot_tell(path, datasets)
        lists = [name for name in datasets if name.rsplit("/", 1)[-1].lower() in _CLASSES]
        for name in lists:
            _check_labels(datasets[name], path)
        classes = tuple(as_text(np.ravel(datasets[lists[0]][()]))) if lists else ()
        if len(set(classes)) < len(classes):
            raise DataError(f"{lists[0]} of {printable(path)} names a class twice: {', '.join(classes)}.")
        pairs = {
            part: _Pair(path, role["x"][0], _labels(datasets[role["x"][0]], datasets[role["y"][0]], classes, path))
            for part, role in roles.items()
        }
    return pairs, classes, notes


def _labels(images: Any, targets: Any, classes: tuple[str, ...], path: Path) -> list[str]:
    """Check images against labels, and return the labels as text."""
    x, y = images.name.lstrip("/"), targets.name.lstrip("/")
    _check_images(images, path)
    for i in {0, len(images) // 2, len(images) - 1}:
        to_pixels(images[i], f"{x} of {printable(path)}")
    n = len(images)
    if targets.shape not in {(n,), (n, 1), (1, n)}:
        raise DataError(
            f"{y} of {printable(path)} must have one label for each of the {n} images of {x}, "
            f"and has the shape {targets.shape}."
        )
    _check_labels(targets, path)
    values = np.ravel(targets[()])
    labels = as_text(values.tolist())
    if not classes:
        return labels
    meaning = {c: c for c in classes} if values.dtype.kind in "SUO" else {str(i): c for i, c in enumerate(classes)}
    outside = next((label for label in labels if label not in meaning), None)
    if outside is not None:
        raise DataError(
            f"{y} of {printable(path)} must be one of {', '.join(meaning)} for its classes, and has {outside}."
        )
    return [meaning[label] for label in labels]


def _check_images(images: Any, path: Path) -> None:
    """Refuse what is no stack of pictures, or one that could not be held, or is not in this file."""
    name = images.name.lstrip("/")
    _check_place(images, path)
    check_shape(images.shape, f"{name} of {printable(path)}", stacked=True)
    one, piece = math.prod(images.shape[1:]), math.prod(images.chunks or (0,))
    largest = max(one, piece) * images.dtype.itemsize
    if largest > MAX_IMAGE_BYTES:
        raise DataError(
            f"the images of {name} of {printable(path)} must have at most {MAX_IMAGE_BYTES // 10**6} MB each, stored "
            f"in chunks of no more, and {largest / 1e6:,.0f} MB are claimed: store them smaller, or as files."
        )
    most = min(MAX_IMAGES, max(ALWAYS_IMAGES, images.id.get_storage_size() // LEAST_BYTES))
    if len(images) > most:
        raise DataError(
            f"{name} of {printable(path)} must have at most {most:,} images, the limit for its size, and claims "
            f"{len(images):,}: split it."
        )


def _check_labels(labels: Any, path: Path) -> None:
    """Refuse labels, or names of classes, that could not be held, or are not in this file."""
    name = labels.name.lstrip("/")
    _check_place(labels, path)
    piece = math.prod(labels.chunks or (0,)) * labels.dtype.itemsize
    if labels.size > MAX_IMAGES or labels.dtype.itemsize > MAX_LABEL_BYTES or piece > MAX_IMAGE_BYTES:
        raise DataError(
            f"{name} of {printable(path)} must have at most {MAX_IMAGES:,} labels of {MAX_LABEL_BYTES:,} bytes, and "
            f"claims {labels.size:,} of {labels.dtype.itemsize:,}: write them anew."
        )


def _check_place(dataset: Any, path: Path) -> None:
    """Refuse a dataset whose values are in other files: a file must not have others read."""
    if dataset.external or dataset.is_virtual:
        raise DataError(
            f"{dataset.name.lstrip('/')} of {printable(path)} must be in that file, and says that it is in others: "
            "copy it into one file, for example with h5repack."
        )


@contextlib.contextmanager
def _opened_datasets(path: Path) -> Iterator[dict[str, Any]]:
    """Open a file for its datasets by their path; what HDF5 cannot read there is told as one sentence."""
    import h5py

    found: dict[str, Any] = {}
    try:
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
            yield found
    except RegraftError:
        raise
    except Exception as error:  # On foreign bytes h5py raises nearly anything.
        raise DataError(
            f"{printable(path)} cannot be read as an HDF5 file, for it is damaged or of another kind: "
            f"{on_one_line(error)}."
        ) from error


def _role(name: str) -> str | None:
    """Return "x" for images and "y" for labels, by the last word of a dataset's path that tells."""
    if name.rsplit("/", 1)[-1].lower() in _CLASSES:
        return None
    for word in reversed(_words(name)):
        if word in _IMAGES or word in _LABELS:
            return "x" if word in _IMAGES else "y"
    return None


def _part_in(name: str) -> str | None:
    """Return the split that a word of the name means."""
    return next((part for word in _words(name) if (part := part_of(word))), None)


def _words(name: str) -> list[str]:
    return re.split(r"[\W_]+", name.lower())


def _cannot_tell(path: Path, datasets: dict[str, Any]) -> DataError:
    shown = ", ".join(f"{name} {dataset.shape}" for name, dataset in datasets.items()) or "nothing"
    return DataError(
        f"which datasets of {printable(path)} are images and labels is not clear, for it holds {shown}: "
        f"name them x and y, or train_set_x and train_set_y, test_set_x and test_set_y."
    )
