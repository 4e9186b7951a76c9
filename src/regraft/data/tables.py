"""Tables with an example and its label in each row, a file's name or the text itself: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft.data.columns import TABLE_EXTENSIONS, Columns, read_columns, write_columns
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.filenames import printable
from regraft.data.finding import Finder, find_files, find_labels, find_split, named, settle_modality
from regraft.data.labels import as_text, labelled
from regraft.data.listing import EXTENSIONS
from regraft.data.splits import part_of
from regraft.errors import DataError

__all__ = ["TABLE_EXTENSIONS", "list_table", "read_table", "write_table"]


_ANY = tuple(extension for extensions in EXTENSIONS.values() for extension in extensions)


def read_table(
    path: Path,
    *,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    domain_column: str | None = None,
    images: Path | None = None,
    learns: bool = True,
) -> Dataset:
    """Read a table of images, texts or recordings, and their labels.

    Parameters
    ----------
    path : Path
        A .csv, .tsv, .jsonl or .parquet file.
    column, label_column : str, optional
        Which columns hold the example's file, or the text itself, and its label; guessed, and noted, where that is
        obvious.
    group_column : str, optional
        The column of groups: examples of one group never straddle a split.
    domain_column : str, optional
        The column that says where each example is from; by default one that is called domain.
    images : Path, optional
        The folder that the files are named from; the table's own by default. Names may lack the extension.
    learns : bool
        As in `labelled`.

    Returns
    -------
    Dataset
        With its own split where a column named split, set or subset has train, val and test.

    Raises
    ------
    DataError
        If a column is unknown or not obvious, most files are missing, or rows contradict each other.
    """
    columns, notes = read_columns(path, is_image=_ANY)
    modality, text_column = settle_modality(path, columns, column, images)
    things = NOUNS[modality][1]
    finder: Finder | None = None
    found_notes: list[str] = []
    if text_column is None:
        finder, column, found_notes = find_files(path, columns, column, images, modality)
    else:
        column = text_column
    if group_column is not None:
        group_column = named(columns, group_column, path, "--group-column")
    split_column = find_split(columns, {column, label_column, group_column})
    label_column = find_labels(columns, label_column, {column, group_column, split_column, domain_column}, path)
    if domain_column is not None:
        domain_column = named(columns, domain_column, path, "--domain-column")
    else:
        taken = {column, group_column, split_column, label_column}
        domain_column = next((name for name in columns if name.strip().lower() == "domain" and name not in taken), None)
    notes += [f"{things} are in column {column!r}, labels in {label_column!r}", *found_notes]
    if split_column is not None:
        notes.append(f"column {split_column!r} says which {things} are for training and which for the test")

    values = columns[column]
    if finder is None:
        examples: list[Any] = [None if _is_damaged(value) else value for value in values]
        names = [f"row {row}" for row in range(1, len(values) + 1)]
    else:
        examples = [finder.find(value) for value in values]
        _check_most_are_found(values, examples, path, finder.base, modality)
        names = [printable(value) or f"row {row}" for row, value in enumerate(values, start=1)]
    labels = [printable(label) for label in as_text(columns[label_column])]
    split = [part_of(value) or "" for value in columns[split_column]] if split_column else None
    groups = [printable(value).strip() for value in columns[group_column]] if group_column else None
    domain = [printable(value).strip() for value in columns[domain_column]] if domain_column else None

    missing = "not UTF-8 text; save the table as UTF-8" if finder is None else "file not found"
    empty = "empty text" if finder is None else f"no {NOUNS[modality][0]} is named"
    rows, skipped = _usable_rows(values, names, examples, labels, split, missing, empty)
    said = [each for each in (labels, split, groups, domain) if each]
    # The same text twice is for the audit to find; the same file twice is one example.
    kept = rows if finder is None else _without_repeats(rows, examples, said, path, modality)
    if len(kept) < len(rows):
        notes.append(f"rows that repeat an earlier one are left out: {len(rows) - len(kept)}")
    return labelled(
        [examples[row] for row in kept],
        [names[row] for row in kept],
        [labels[row] for row in kept],
        split=[split[row] for row in kept] if split else None,
        groups=[groups[row] or names[row] for row in kept] if groups else None,
        domain=[domain[row] for row in kept] if domain else None,
        name=printable(path.stem),
        notes=notes,
        skipped=skipped,
        modality=modality,
        learns=learns,
    )


def list_table(
    path: Path, *, column: str | None = None, images: Path | None = None
) -> tuple[list[Path] | list[str], list[str]]:
    """Return the files that a table names, whether they exist or not, or its texts; and what the table calls them.

    Raises
    ------
    DataError
        If the column is unknown or not obvious, or most files are missing.
    """
    columns, _ = read_columns(path, is_image=_ANY)
    modality, text_column = settle_modality(path, columns, column, images)
    if text_column is not None:
        return columns[text_column], [f"row {row}" for row in range(1, len(columns[text_column]) + 1)]
    finder, column, _ = find_files(path, columns, column, images, modality)
    values = [value for value in columns[column] if value.strip()]
    files = [finder.find(value) for value in values]
    _check_most_are_found(values, files, path, finder.base, modality)
    examples = [file or finder.base / value for file, value in zip(files, values, strict=True)]
    return examples, [printable(value) for value in values]


def write_table(dataset: Dataset, path: str | Path) -> None:
    """Write the table `image,label`, or `text,label`, of a dataset, with its split and groups where it has them.

    Parameters
    ----------
    dataset : Dataset
        Its examples must be files, or texts from a table.
    path : str or Path
        A new .csv, .tsv or .parquet file. Images below its folder are named from there, others in full.

    Raises
    ------
    DataError
        If the examples are not files that will stay, or the table exists or cannot be written.
    """
    path = Path(path)
    if not tells(dataset):
        raise DataError(
            f"the {dataset.things} of {dataset.name} are not files of their own, so that no table can name them: "
            f"unpack them into a folder first."
        )
    folder = path.absolute().parent
    columns: Columns = {
        NOUNS[dataset.modality][0]: [cell(folder, example) for example in dataset.examples],
        "label": [dataset.class_names[c] for c in dataset.y],
    }
    if dataset.split is not None:
        columns["split"] = dataset.split.tolist()
    if dataset.groups is not None:
        columns["group"] = dataset.groups.tolist()
    write_columns(columns, path)


def tells(dataset: Dataset) -> bool:
    """Return whether a table can hold a dataset: its examples are texts, or files that stay where they are."""
    if all(isinstance(example, str) for example in dataset.examples):
        return True
    return dataset._keep is None and all(isinstance(example, Path) for example in dataset.examples)


def cell(folder: Path, example: Path | str) -> str:
    """Return what a table in a folder has for an example: a text itself, or its file, from there if it is below."""
    if isinstance(example, str):
        return example
    file = example.absolute()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _is_damaged(text: str) -> bool:
    """Whether a table's text was not UTF-8: its bytes were carried through as lone surrogates."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def _check_most_are_found(
    values: Sequence[str], files: Sequence[Path | None], table: Path, base: Path, modality: str
) -> None:
    missing = [value for value, file in zip(values, files, strict=True) if value.strip() and file is None]
    n = sum(bool(value.strip()) for value in values)
    if n == 0:
        raise DataError(
            f"{printable(table)} names no {NOUNS[modality][0]}: its column of {NOUNS[modality][1]} is empty."
        )
    if len(missing) > n / 2:
        raise DataError(
            f"{len(missing)} of the {n} {NOUNS[modality][1]} of {printable(table)} are not found, such as "
            f"{printable(base / missing[0])}: say with --images which folder they are in."
        )


def _usable_rows(
    values: Sequence[str],
    names: Sequence[str],
    examples: Sequence[Any],
    labels: Sequence[str],
    split: Sequence[str] | None,
    missing: str,
    empty: str,
) -> tuple[list[int], list[Skipped]]:
    """Return the rows that can be used, and the others with the reason."""
    rows, skipped = [], []
    for row, value in enumerate(values):
        if not value.strip():
            skipped.append(Skipped(f"row {row + 1}", empty))
        elif examples[row] is None:
            skipped.append(Skipped(names[row], missing))
        elif not labels[row]:
            skipped.append(Skipped(names[row], "empty label"))
        elif split and not split[row]:
            skipped.append(Skipped(names[row], "empty split"))
        else:
            rows.append(row)
    return rows, skipped


def _without_repeats(
    rows: Sequence[int],
    files: Sequence[Path | None],
    columns: Sequence[Sequence[str]],
    table: Path,
    modality: str,
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
            f"{len(contradictions)} {NOUNS[modality][1]} of {printable(table)} have rows that contradict each other, "
            f"such as {shown}: keep one row for each."
        )
    return list(first.values())
