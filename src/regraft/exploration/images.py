"""Images of any source, with labels where it has them and without where it has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.data.columns import TABLE_EXTENSIONS
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.modality import of_examples
from regraft.data.sources import list_examples, read_source
from regraft.data.splits import without_split
from regraft.data.tables import list_table
from regraft.errors import DataError


@dataclass(frozen=True, eq=False)
class Images:
    """What is looked at without need of labels.

    Parameters
    ----------
    examples : sequence of Path, bytes, array or Row, length n
    names : tuple of str, length n
    labels : tuple of str or None, length n, or None
        The class of each image, None where it has none; None where the source has no labels at all.
    name : str
        A short name for the run: the folder's or file's.
    skipped : tuple of Skipped
        What the source names and cannot be used.
    notes : tuple of str
        What was inferred from the source.
    source : object
        Whatever must live as long as the examples do.
    modality : {"image", "text", "audio"}
    """

    examples: Sequence[Any]
    names: tuple[str, ...]
    labels: tuple[str | None, ...] | None
    name: str
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    source: Any = None
    modality: str = "image"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def things(self) -> str:
        """What people call them: images, texts or recordings."""
        return NOUNS[self.modality][1]

    def count(self, n: int) -> str:
        """Return so many of them in words, such as "1,000 images"."""
        return f"{n:,} {NOUNS[self.modality][n != 1]}"


def read_images(
    data: Any,
    labels: Any = None,
    *,
    column: str | None = None,
    label_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
) -> Images:
    """Return the images of a source, whether they are labelled, partly labelled or not.

    Parameters
    ----------
    data, labels, column, label_column, images, label_from_name
        As in `fit`; `data` may also be images without labels. Who names labels gets an error where they are not.

    Raises
    ------
    DataError
        If there are no images, or not the labels that were asked for.
    """
    try:
        dataset = read_source(
            data,
            labels=labels,
            column=column,
            label_column=label_column,
            images=images,
            label_from_name=label_from_name,
        )
        dataset = without_split(dataset)
    except DataError:
        if labels is not None or label_column or label_from_name:
            raise
        return _unlabelled(data, column, images)
    if any(skipped.reason == "empty label" for skipped in dataset.skipped) and isinstance(data, str | os.PathLike):
        return _partly_labelled(data, dataset, column, images)
    named = tuple(dataset.class_names[i] for i in dataset.y)
    return Images(
        dataset.examples, dataset.names, named, dataset.name, dataset.skipped, dataset.notes, dataset, dataset.modality
    )


def _unlabelled(data: Any, column: str | None, images: str | Path | None) -> Images:
    examples, names = _listed(data, column, images)
    return Images(examples, tuple(names), None, _name(data), modality=of_examples(examples))


def _partly_labelled(data: Any, dataset: Dataset, column: str | None, images: str | Path | None) -> Images:
    """Return all images of a source of which some rows have an empty label."""
    examples, names = _listed(data, column, images)
    known = {example: dataset.class_names[i] for example, i in zip(dataset.examples, dataset.y, strict=True)}
    labels = tuple(known.get(example) for example in examples)
    note = f"{sum(label is None for label in labels):,} of {dataset.count(len(labels))} have no label"
    return Images(examples, tuple(names), labels, dataset.name, (), (*dataset.notes, note), dataset, dataset.modality)


def _listed(data: Any, column: str | None, images: str | Path | None) -> tuple[list[Any], list[str]]:
    if isinstance(data, str | os.PathLike) and str(data).lower().endswith(TABLE_EXTENSIONS) and Path(data).is_file():
        files, names = list_table(Path(data), column=column, images=Path(images) if images else None)
        return list(files), names
    return list_examples(data)


def _name(data: Any) -> str:
    return printable(Path(data).resolve().name) if isinstance(data, str | os.PathLike) else "images"
