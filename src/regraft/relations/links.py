"""Which examples are linked: a table of pairs of names, read against the names of the examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from regraft.data.columns import LINES_EXTENSIONS, Columns, read_columns
from regraft.data.filenames import printable
from regraft.errors import DataError
from regraft.relations.naming import SEVERAL, Naming

ENDS = (
    ("source", "target"),
    ("from", "to"),
    ("a", "b"),
    ("left", "right"),
    ("id1", "id2"),
    ("id_1", "id_2"),
    ("name1", "name2"),
    ("name_1", "name_2"),
    ("node1", "node2"),
    ("src", "dst"),
    ("u", "v"),
)
"""Headings of the two columns of names; where there are none of these, the first two columns are taken."""

TYPES = ("type", "relation", "kind")
WEIGHTS = ("weight",)

ONLY_TYPE = "linked"
"""What links are called where the table tells no types apart."""

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Links:
    """Pairs of related examples; a link has no direction, and is there once a type.

    Parameters
    ----------
    edges : int array of shape (e, 2)
        Positions of the two examples, the lower first.
    kinds : int array of shape (e,)
        The type of each link, as an index of `kind_names`.
    kind_names : tuple of str
    weights : float array of shape (e,)
        How much each link counts, above 0; only their proportions matter.
    notes : tuple of str
        What was left out or inferred, each a sentence.
    """

    edges: npt.NDArray[np.intp]
    kinds: npt.NDArray[np.intp]
    kind_names: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.edges)

    def of_kind(self, kind: int) -> Links:
        """Return the links of one type."""
        return self.take(self.kinds == kind)

    def take(self, index: npt.ArrayLike) -> Links:
        """Return the links at `index` (integers, or a mask of shape (e,)), all types' names kept."""
        rows = np.asarray(index)
        return Links(self.edges[rows], self.kinds[rows], self.kind_names, self.weights[rows], self.notes)


def make_links(
    edges: npt.ArrayLike,
    n: int,
    kinds: Sequence[str] | None = None,
    weights: npt.ArrayLike | None = None,
    notes: Iterable[str] = (),
) -> Links:
    """Return links of pairs of positions, once each: self-links are left out, what is there twice is joined.

    Parameters
    ----------
    edges : int array of shape (e, 2)
    n : int
        Examples that there are.
    kinds : sequence of str of length e, optional
        The type of each link.
    weights : array of shape (e,), optional
        How much each counts; of a link that is there several times the largest is kept. Default: 1.
    notes : iterable of str
        What is said already.

    Returns
    -------
    Links

    Raises
    ------
    DataError
        If a position is out of range, a weight is no finite number of 0 or more, or nothing is left.
    """
    pairs = np.asarray(edges, np.intp).reshape(-1, 2)
    weight = np.ones(len(pairs)) if weights is None else np.asarray(weights, np.float64)
    kind = np.array([ONLY_TYPE] * len(pairs) if kinds is None else list(kinds), dtype=np.str_)
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
        raise DataError(f"links must join examples 0 to {n - 1}, not {pairs.min()} to {pairs.max()}: number them anew")
    if not (np.isfinite(weight) & (weight >= 0)).all():
        wrong = weight[~(np.isfinite(weight) & (weight >= 0))][0]
        raise DataError(f"a link's weight must be a finite number of 0 or more, not {wrong:g}: mend it")
    found = list(notes)
    own, nothing = pairs[:, 0] == pairs[:, 1], weight == 0
    _count(found, own.sum(), "joins an example with itself", "join an example with itself", "left out")
    _count(found, (nothing & ~own).sum(), "has the weight 0", "have the weight 0", "left out")
    kept = ~(own | nothing)
    if not kept.any():
        raise DataError(f"no link is left of {len(pairs):,}: {'; '.join(found) or 'the table is empty'}; add links")
    names, number = np.unique(kind[kept], return_inverse=True)
    rows = np.column_stack([number.reshape(-1), np.sort(pairs[kept], axis=1)])
    distinct, where = np.unique(rows, axis=0, return_inverse=True)
    largest = np.zeros(len(distinct))
    np.maximum.at(largest, where.reshape(-1), weight[kept])
    _count(
        found,
        len(rows) - len(distinct),
        "is there again, or in the other direction",
        "are there again, or in the other direction",
        "counted once",
    )
    return Links(distinct[:, 1:], distinct[:, 0], tuple(map(str, names)), largest, tuple(found))


def read_links(path: Path, names: Sequence[str]) -> Links:
    """Read a table of links between examples.

    Parameters
    ----------
    path : Path
        A .csv, .tsv, .jsonl or .parquet file with two columns of names, called such as `source` and `target` or the
        first two, and, where there are any, the columns `type` (or `relation`) and `weight`.
    names : sequence of str, length n
        Names of the examples. In the table an example goes by its name, by the end of its path, by its file name
        with or without the extension, or by the number of its row, wherever that tells one example.

    Returns
    -------
    Links

    Raises
    ------
    DataError
        If the table cannot be read, has one column only, holds a weight that is no number, or links no two examples.
    """
    naming = Naming(names)
    columns, notes = read_columns(path, is_image=naming.extensions)
    header = list(columns)
    delimited = path.suffix.lower() not in (*LINES_EXTENSIONS, ".parquet")  # the others always name their columns
    if delimited and len(header) > 1 and all(naming.find(name) >= 0 for name in header[:2]):
        notes = [*notes, f"{printable(path.name)} has no header: its first line is a link"]
        columns = {f"column_{i}": [name, *columns[name]] for i, name in enumerate(header, start=1)}
    first, second, type_column, weight_column = _columns(columns, path)
    rows = [columns[name] for name in (first, second)]
    kinds = columns[type_column] if type_column else None
    weights = columns[weight_column] if weight_column else None
    ends = np.array([[naming.find(name) for name in column] for column in rows], np.intp).T
    known = np.asarray((ends >= 0).all(axis=1))
    unknown = _unknown_note(rows, ends, len(names))
    if not known.any():
        raise DataError(
            f"{printable(path)} must link examples by their names, such as {names[0]!r}, and no line has two of them"
            f"{': ' + unknown if unknown else ''}; write the names as they are in the data"
        )
    values = None if weights is None else _weights(weights, path)[known]
    typed = None if kinds is None else [kind or ONLY_TYPE for kind, kept in zip(kinds, known, strict=True) if kept]
    return make_links(ends[known], len(names), typed, values, [*notes, *([unknown] if unknown else [])])


def _columns(columns: Columns, path: Path) -> tuple[str, str, str | None, str | None]:
    """Return the columns of the two names, of the type and of the weight."""
    called = {name.strip().lower(): name for name in reversed(columns)}
    kind = next((called[name] for name in TYPES if name in called), None)
    weight = next((called[name] for name in WEIGHTS if name in called), None)
    ends = next(((called[a], called[b]) for a, b in ENDS if a in called and b in called), None)
    if ends is None:
        others = [name for name in columns if name not in (kind, weight)]
        if len(others) < 2:
            raise DataError(
                f"{printable(path)} must have two columns of names of linked examples, such as source,target, "
                f"and has {', '.join(map(repr, columns))}: add the other"
            )
        ends, rest = (others[0], others[1]), others[2:]
        if rest and next(iter(columns)) == "column_1":  # without a header, what a column holds tells what it is
            numbers = [name for name in rest[:2] if all(_is_number(value) for value in columns[name])]
            weight = numbers[0] if numbers else None
            kind = rest[0] if rest[0] not in numbers else None
    return *ends, kind, weight


def _is_number(text: str) -> bool:
    try:
        float(text or "1")
    except ValueError:
        return False
    return True


def _weights(values: Sequence[str], path: Path) -> npt.NDArray[np.float64]:
    wrong = next((value for value in values if not _is_number(value)), None)
    if wrong is not None:
        raise DataError(f"a weight in {printable(path)} must be a number, not {wrong!r}: mend it or leave it empty")
    return np.array([float(value or "1") for value in values])


def _unknown_note(rows: list[list[str]], ends: np.ndarray, n: int) -> str:
    """Return a sentence about the links that join no two known examples, or ""."""
    lost = int((ends < 0).any(axis=1).sum())
    if not lost:
        return ""
    parts = []
    for code, what in ((SEVERAL, "fit several examples"), (SEVERAL - 1, "are unknown")):
        names = dict.fromkeys(
            name
            for column, end in zip(rows, ends.T, strict=True)
            for name, e in zip(column, end, strict=True)
            if e == code
        )
        if names:
            shown = ", ".join(repr(printable(name)) for name in list(names)[:SHOWN])
            parts.append(f"{len(names):,} names {what} ({shown}{', …' if len(names) > SHOWN else ''})")
    return f"{lost:,} of {len(ends):,} links do not join two of the {n:,} examples and are left out: {', '.join(parts)}"


def _count(notes: list[str], count: int, one: str, many: str, what: str) -> None:
    if count:
        notes.append(f"{count:,} {'link' if count == 1 else 'links'} {one if count == 1 else many}: {what}")
