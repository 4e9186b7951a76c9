"""Tables that name an image and its label in each row: CSV, TSV, Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regraft.data.columns import TABLE_EXTENSIONS, read_columns, write_columns
from regraft.data.dataset import Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.finding import find_images, find_labels, find_split, named
from regraft.data.labels import as_text, labelled
from regraft.data.listing import IMAGE_EXTENSIONS
from regraft.data.splits import part_of
from regraft.errors import DataError

__all__ = ["TABLE_EXTENSIONS", "list_table", "read_table", "write_table"]


def read_table(
    path: Path,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: Path | None = None,
) -> Dataset:
    """Read a table of images and labels.

    Parameters
    ----------
    path : Path
        A .csv, .tsv or .parquet file.
    image_column, label_column : str, optional
        Which columns hold the image's file and its label; guessed, and noted, where that is obvious.
    group_column : str, optional
        The column of groups: images of one group never straddle a split.
    images : Path, optional
        The folder that the files are named from; the table's own by default. Names may lack the extension.

    Returns
    -------
    Dataset
        With its own split where a column named split, set or subset has train, val and test.

    Raises
    ------
    DataError
        If a column is unknown or not obvious, most files are missing, or rows contradict each other.
    """
    columns, notes = read_columns(path, is_image=IMAGE_EXTENSIONS)
    finder, image_column, found_notes = find_images(path, columns, image_column, images)
    if group_column is not None:
        group_column = named(columns, group_column, path, "--group-column")
    split_column = find_split(columns, {image_column, label_column, group_column})
    label_column = find_labels(columns, label_column, {image_column, group_column, split_column}, path)
    notes += [f"images are in column {image_column!r}, labels in {label_column!r}", *found_notes]
    if split_column is not None:
        notes.append(f"column {split_column!r} says which images are for training and which for the test")

    values = columns[image_column]
    files = [finder.find(value) for value in values]
    _check_most_are_found(values, files, path, finder.base)
    names = [printable(value) or f"row {row}" for row, value in enumerate(values, start=1)]
    labels = [printable(label) for label in as_text(columns[label_column])]
    split = [part_of(value) or "" for value in columns[split_column]] if split_column else None
    groups = [printable(value).strip() for value in columns[group_column]] if group_column else None

    rows, skipped = _usable_rows(values, names, files, labels, split)
    kept = _without_repeats(rows, files, [column for column in (labels, split, groups) if column], path)
    if len(kept) < len(rows):
        notes.append(f"rows that repeat an earlier one are left out: {len(rows) - len(kept)}")
    return labelled(
        [files[row] for row in kept],
        [names[row] for row in kept],
        [labels[row] for row in kept],
        split=[split[row] for row in kept] if split else None,
        groups=[groups[row] or names[row] for row in kept] if groups else None,
        name=printable(path.stem),
        notes=notes,
        skipped=skipped,
    )


def list_table(
    path: Path, *, image_column: str | None = None, images: Path | None = None
) -> tuple[list[Path], list[str]]:
    """Return the files that a table names, whether they exist or not, and what the table calls them.

    Raises
    ------
    DataError
        If the column is unknown or not obvious, or most files are missing.
    """
    columns, _ = read_columns(path, is_image=IMAGE_EXTENSIONS)
    finder, column, _ = find_images(path, columns, image_column, images)
    values = [value for value in columns[column] if value.strip()]
    files = [finder.find(value) for value in values]
    _check_most_are_found(values, files, path, finder.base)
    examples = [file or finder.base / value for file, value in zip(files, values, strict=True)]
    return examples, [printable(value) for value in values]


def write_table(dataset: Dataset, path: str | Path) -> None:
    """Write the table `image,label` of a dataset of files, with its split and groups where it has them.

    Parameters
    ----------
    dataset : Dataset
        Its examples must be files.
    path : str or Path
        A new .csv, .tsv or .parquet file. Images below its folder are named from there, others in full.

    Raises
    ------
    DataError
        If the examples are not files that will stay, or the table exists or cannot be written.
    """
    path = Path(path)
    if dataset._keep is not None or not all(isinstance(example, Path) for example in dataset.examples):
        raise DataError(
            f"the images of {dataset.name} are not files of their own, so that no table can name them: "
            f"unpack them into a folder first"
        )
    folder = path.absolute().parent
    columns: dict[str, Sequence[str]] = {
        "image": [named_from(folder, example.absolute()) for example in dataset.examples],
        "label": [dataset.class_names[c] for c in dataset.y],
    }
    if dataset.split is not None:
        columns["split"] = dataset.split.tolist()
    if dataset.groups is not None:
        columns["group"] = dataset.groups.tolist()
    write_columns(columns, path)


def named_from(folder: Path, file: Path) -> str:
    """Return how a table in a folder names a file: from there if the file is below, else in full."""
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _check_most_are_found(values: Sequence[str], files: Sequence[Path | None], table: Path, base: Path) -> None:
    missing = [value for value, file in zip(values, files, strict=True) if value.strip() and file is None]
    n = sum(bool(value.strip()) for value in values)
    if n == 0:
        raise DataError(f"{printable(table)} names no image: its column of images is empty")
    if len(missing) > n / 2:
        raise DataError(
            f"{len(missing)} of the {n} images of {printable(table)} are not found, such as "
            f"{printable(base / missing[0])}: say with --images which folder they are in"
        )


def _usable_rows(
    values: Sequence[str],
    names: Sequence[str],
    files: Sequence[Path | None],
    labels: Sequence[str],
    split: Sequence[str] | None,
) -> tuple[list[int], list[Skipped]]:
    """Return the rows that can be used, and the others with the reason."""
    rows, skipped = [], []
    for row, value in enumerate(values):
        if not value.strip():
            skipped.append(Skipped(f"row {row + 1}", "no image is named"))
        elif files[row] is None:
            skipped.append(Skipped(names[row], "file not found"))
        elif not labels[row]:
            skipped.append(Skipped(names[row], "empty label"))
        elif split and not split[row]:
            skipped.append(Skipped(names[row], "empty split"))
        else:
            rows.append(row)
    return rows, skipped


def _without_repeats(
    rows: Sequence[int], files: Sequence[Path | None], columns: Sequence[Sequence[str]], table: Path
) -> list[int]:
    """Return the first row of each file; raise where rows of one file contradict each other."""
    first: dict[Path | None, int] = {}
    contradictions: dict[str, None] = {}
    for row in rows:
        earlier = first.setdefault(files[row], row)
        ours, theirs = ([column[r] for column in columns] for r in (row, earlier))
        if ours != theirs:
            contradictions[f"{printable(files[row] or '')} ({', '.join(theirs)}; {', '.join(ours)})"] = None
    if contradictions:
        shown = " and ".join(list(contradictions)[:3])
        raise DataError(
            f"{len(contradictions)} images of {printable(table)} have rows that contradict each other, "
            f"such as {shown}: keep one row for each image"
        )
    return list(first.values())
