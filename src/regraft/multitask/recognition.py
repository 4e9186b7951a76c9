"""Which kind of task a column of labels is: recognised from its cells, or said by the user."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from regraft.errors import DataError, UsageError
from regraft.multitask.kinds import KINDS
from regraft.multitask.kinds.multilabel import SEPARATOR
from regraft.multitask.kinds.numbers import as_number
from regraft.multitask.tasks import KIND_NAMES, KindName, Task

FEW = 20
"""Up to so many different whole numbers are the names of classes; more of them are numbers."""

MOSTLY = 0.8
"""From this share of numbers on, a text among them is a slip and no class."""


def parse_kinds(text: str) -> dict[str, str]:
    """Return the kinds that are written as `column=kind,column=kind`.

    Raises
    ------
    UsageError
        If a part is written otherwise.
    """
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        column, equals, kind = part.rpartition("=")
        if not (column.strip() and equals and kind.strip()):
            raise UsageError(
                f"--task-kinds must be column=kind pairs joined by commas, such as size=ordinal, not {part!r}."
            )
        found[column.strip()] = kind.strip()
    return found


def make_tasks(
    columns: Mapping[str, Sequence[str]], kinds: Mapping[str, str] | None = None
) -> tuple[tuple[Task, ...], list[str]]:
    """Return the task of each column, and a sentence for each that says how it was read.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        The cells of each column; an empty one is a label that is not known.
    kinds : mapping of str to str, optional
        The kinds that the user said.

    Raises
    ------
    UsageError
        If a kind is unknown, or is said of a column that is no task.
    DataError
        If a column's cells are not of its kind, or there is nothing in it to tell apart.
    """
    kinds = dict(kinds or {})
    for column, kind in kinds.items():
        if column not in columns:
            near = difflib.get_close_matches(column, columns, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"--task-kinds must name columns of --label-columns ({', '.join(columns)}), not {column!r}.{hint}"
            )
        if kind not in KIND_NAMES:
            near = difflib.get_close_matches(kind, KIND_NAMES, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"--task-kinds must be one of {', '.join(KIND_NAMES)}, not {kind!r}.{hint}")
    tasks, said = [], []
    for column, cells in columns.items():
        name: KindName = kinds.get(column) or recognise(column, cells)  # type: ignore[assignment]
        task = KINDS[name].read(column, cells)
        tasks.append(task)
        said.append(_sentence(task, cells, asked=column in kinds))
    return tuple(tasks), said


def recognise(column: str, cells: Sequence[str]) -> KindName:
    """Return the kind that a column's cells are of; ordinal is never guessed.

    Raises
    ------
    DataError
        If the column is of numbers but for a few cells.
    """
    there = [cell for cell in cells if cell]
    if any(SEPARATOR in cell for cell in there):
        return "multi-label"
    numbers = [as_number(cell) for cell in there]
    found = {number for number in numbers if number is not None}
    if len(found) <= FEW and all(number.is_integer() for number in found):
        return "classes"
    texts = [cell for cell, number in zip(there, numbers, strict=True) if number is None]
    if texts and len(texts) <= (1 - MOSTLY) * len(there):
        raise DataError(
            f"column {column!r} is of numbers, but {len(texts)} of its cells are not, such as {texts[0][:40]!r}: mend "
            f"them, leave them empty, or take the column as classes (--task-kinds {column}=classes)"
        )
    return "classes" if texts else "numbers"


def _sentence(task: Task, cells: Sequence[str], *, asked: bool) -> str:
    n = int(task.known.sum())
    missing = "" if task.known.all() else f"; {len(task.known) - n:,} of {len(task.known):,} have no label"
    if task.kind == "numbers":
        known = task.values[task.known]
        what = f"numbers from {known.min():g} to {known.max():g}"
    else:
        shown = ", ".join(task.classes[:6]) + (", ..." if len(task.classes) > 6 else "")
        many = {"classes": "classes", "multi-label": "labels, any number of them each", "ordinal": "ordered classes"}
        what = f"{len(task.classes)} {many[task.kind]} ({shown})"
    sentence = f"Task {task.name}: {what}{missing}"
    whole = (
        task.kind == "classes" and len(task.classes) > 2 and all(as_number(name) is not None for name in task.classes)
    )
    if whole and not asked:
        sentence += f". If their order means something: --task-kinds {task.name}=ordinal"
    return sentence + "."
