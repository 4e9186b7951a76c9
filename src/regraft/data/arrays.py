"""Arrays and lists from Python, with their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.data.dataset import NOUNS, Dataset, Example, Row, Skipped
from regraft.data.filenames import printable
from regraft.data.labels import as_text, labelled
from regraft.data.modality import of_examples, of_name
from regraft.errors import DataError


def read_arrays(images: Any, labels: Iterable[Any] | None, *, learns: bool = True) -> Dataset:
    """Make a dataset of an array, or a list of files, encoded bytes and arrays, and of their labels.

    Parameters
    ----------
    images : array of shape (n, h, w) or (n, h, w, 1 or 3 or 4), or list of length n
        A list of texts; of pairs of samples and their rate; or of pictures.
        Pixels are whole numbers from 0 to 255, or fractions from 0 to 1. A list may mix paths, bytes
        and arrays of shape (h, w) or (h, w, 1 or 3 or 4).
    labels : array-like of str or int, of shape (n,)
        None, NaN or an empty text leaves the image out.
    learns : bool
        As in `labelled`.

    Returns
    -------
    Dataset
        Named by position, or by path.

    Raises
    ------
    DataError
        If labels are missing or of another length, or the images are of another kind, shape or range.
    """
    if labels is None:
        raise DataError("examples from Python need labels: give labels=[...], one for each.")
    examples, names = list_arrays(images)
    modality = of_examples(examples)
    values = np.asarray(labels if hasattr(labels, "__array__") else list(labels), dtype=object)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.ndim != 1 or len(values) != len(examples):
        raise DataError(
            f"labels must have one value for each of the {len(examples)} {NOUNS[modality][1]}, and have the shape "
            f"{values.shape}."
        )
    text = as_text(values)
    gone = {i for i, example in enumerate(examples) if isinstance(example, Path) and not example.is_file()}
    kept = [i for i in range(len(examples)) if i not in gone]
    return labelled(
        [examples[i] for i in kept],
        [names[i] for i in kept],
        [printable(text[i]) for i in kept],
        name="arrays",
        skipped=[Skipped(names[i], "file not found") for i in sorted(gone)],
        modality=modality,
        learns=learns,
    )


def list_arrays(images: Any) -> tuple[list[Example], list[str]]:
    """Return the examples of an array or a list, and their names.

    Strings are files where most of them end as files do or are there; else they are texts.

    Raises
    ------
    DataError
        If the images are of another kind, shape or range.
    """
    if not isinstance(images, list | tuple):
        images = to_pixels(_as_array(images), "images", stacked=True)
    texts = are_texts(images)
    examples = [image if texts else _example(image, position) for position, image in enumerate(images)]
    if not examples:
        raise DataError("there are no examples: the list or array is empty.")
    noun = NOUNS[of_examples(examples)][0]
    return examples, [
        printable(example) if isinstance(example, Path) else f"{noun} {position}"
        for position, example in enumerate(examples)
    ]


def are_texts(values: Sequence[Any]) -> bool:
    """Return whether values are strings that are texts, and not names of files."""
    if not len(values) or not all(isinstance(value, str) for value in values):
        return False
    return sum(_may_be_file(value) for value in values) <= len(values) / 2


def _may_be_file(value: str) -> bool:
    try:
        return of_name(value) is not None or os.path.lexists(Path(value).expanduser())
    except (ValueError, RuntimeError, OSError):  # a NUL, a home of nobody, far too long
        return False


def to_pixels(array: np.ndarray, what: str, *, stacked: bool = False) -> npt.NDArray[np.uint8]:
    """Check one picture, or a stack of them, and return it as whole numbers from 0 to 255.

    Parameters
    ----------
    array : array of shape (h, w) or (h, w, 1 or 3 or 4); with `stacked`, one axis more in front
        Whole numbers from 0 to 255, fractions from 0 to 1, or truth values.
    what : str
        What the message calls it.
    stacked : bool
        Whether the first axis counts pictures.

    Returns
    -------
    uint8 array of the same shape

    Raises
    ------
    DataError
        If the shape or the range is another.
    """
    check_shape(array.shape, what, stacked=stacked)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "biuf":
        raise DataError(f"the pixels of {what} must be numbers, and are {array.dtype}.")
    low, high = float(array.min()), float(array.max())
    top = 255 if array.dtype.kind in "iu" else 1
    if not (low >= 0 and high <= top):
        raise DataError(
            f"the pixels of {what} must be whole numbers from 0 to 255 or fractions from 0 to 1, and are "
            f"{array.dtype} from {low:g} to {high:g}: scale them first."
        )
    return array.astype(np.uint8) if top == 255 else np.round(array * np.float32(255)).astype(np.uint8)


def check_shape(shape: Sequence[int], what: str, *, stacked: bool) -> None:
    """Check that a shape is that of a picture, or of a stack of them.

    Raises
    ------
    DataError
        If it is not.
    """
    picture = tuple(shape[1:] if stacked else shape)
    if (
        len(shape) > stacked
        and (len(picture) == 2 or (len(picture) == 3 and picture[2] in (1, 3, 4)))
        and 0 not in shape
    ):
        return
    axes = (
        "(n, height, width) or (n, height, width, channels)"
        if stacked
        else "(height, width) or (height, width, channels)"
    )
    raise DataError(
        f"{what} must have the shape {axes} with 1, 3 or 4 channels, and has {tuple(shape)}"
        + (": move the channels to the end" if len(picture) == 3 and picture[0] in (1, 3, 4) and picture[2] > 4 else "")
        + "."
    )


def _as_array(images: Any) -> np.ndarray:
    if hasattr(images, "__array__"):
        return np.asarray(images)
    raise DataError(f"images must be an array or a list of paths, bytes or arrays, and are {type(images).__name__}.")


def _example(image: Any, position: int) -> Example:
    """Return one element of a list as an example."""
    if isinstance(image, str | os.PathLike):
        return Path(image)
    if isinstance(image, tuple) and len(image) == 2:
        from regraft.data.sounds import encode

        return encode(*image)
    if isinstance(image, np.ndarray):
        return to_pixels(image, f"image {position}")
    if isinstance(image, bytes) or (isinstance(image, Row) and not hasattr(image, "seek")):
        return image
    raise DataError(
        f"example {position} must be a path, a text, encoded bytes, an array, or samples and their rate, and is "
        f"{type(image).__name__}."
    )
