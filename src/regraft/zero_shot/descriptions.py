"""The file that describes classes in free text: a table of names and texts, or lines "name: text"."""

from __future__ import annotations

from pathlib import Path

from regraft.data.columns import TABLE_EXTENSIONS, read_columns
from regraft.data.filenames import printable
from regraft.errors import DataError
from regraft.zero_shot.naming import check_distinct

_NAMES = ("class", "class_name", "name", "label", "category", "target")
_TEXTS = ("description", "descriptions", "text", "definition", "caption", "prompt")


def read_descriptions(path: str | Path) -> dict[str, str]:
    """Return the text of each class that a file describes, in its order.

    Parameters
    ----------
    path : path
        A table (.csv, .tsv, .parquet) with a column of class names and one of texts, or lines "name: text"; blank
        lines and lines that begin with # are left out. A text may be empty.

    Raises
    ------
    DataError
        If the file cannot be read, describes nothing, or has an unnamed class.
    UsageError
        If a class is there twice.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise DataError(f"--descriptions must be a file of class names and texts, but {printable(path)} is {kind}.")
    rows = _table(path) if path.name.lower().endswith(TABLE_EXTENSIONS) else _lines(path)
    rows = [(printable(name).strip(), printable(text).strip()) for name, text in rows]
    for name, text in rows:
        if not name:
            raise DataError(
                f"Every description must have its class, but {printable(path.name)} has {text[:40]!r} without one; "
                "write the class's name before it."
            )
    if not rows:
        raise DataError(f"{printable(path.name)} must describe at least one class, but is empty; {_FORMS}.")
    check_distinct([name for name, _ in rows], printable(path.name))
    return dict(rows)


_FORMS = 'write lines "name: text", or a table with the columns class and description'


def _table(path: Path) -> list[tuple[str, str]]:
    columns, _ = read_columns(path)
    by_name = {column.strip().lower().replace(" ", "_"): column for column in columns}
    name = next((by_name[known] for known in _NAMES if known in by_name), None)
    text = next((by_name[known] for known in _TEXTS if known in by_name), None)
    if name is not None and text is not None and name != text:
        return list(zip(columns[name], columns[text], strict=True))
    if len(columns) != 2:
        raise DataError(
            f"Which columns of {printable(path.name)} are classes and texts is not obvious: it has "
            f"{', '.join(map(printable, columns))}; call two of them class and description."
        )
    # Two columns that are not called anything known: the first line is a class as well.
    first, second = columns
    return [(first, second), *zip(columns[first], columns[second], strict=True)]


def _lines(path: Path) -> list[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise DataError(
            f"--descriptions must be a readable text file, but {printable(path)} is not ({why})."
        ) from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, described = line.partition(":")
        if not colon:
            raise DataError(f"Line {number} of {printable(path.name)} must be a class and its text, as in {_LINE!r}.")
        rows.append((name, described))
    return rows


_LINE = "cat: a small pet that purrs"
