"""The names of described classes: what they are, and which of them stands for all that the others are not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from regraft.data.filenames import printable
from regraft.errors import UsageError
from regraft.transferability.overlap import match

_REST = ("other", "others", "the rest", "rest", "none", "background", "unknown", "anything else", "everything else")
_NOT = re.compile(r"(not|non|no|without)(\s+(?:an?\s+)?)?(.+)")


@dataclass(frozen=True)
class Rest:
    """The class that stands for all that the others are not.

    Parameters
    ----------
    index : int
        Which class.
    of : str or None
        The one class it is the complement of; None where it is that of all others.
    """

    index: int
    of: str | None = None


def class_list(classes: str | Sequence[str], option: str = "--classes", least: int = 2) -> tuple[str, ...]:
    """Return class names, given as a sequence or as one text with commas, once they are known to be usable.

    Parameters
    ----------
    classes : str or sequence of str
    option : str
        What the user calls them.
    least : int
        Classes that are needed.

    Raises
    ------
    UsageError
        If a name is empty or there twice, or there are too few.
    """
    names = tuple(str(name).strip() for name in (classes.split(",") if isinstance(classes, str) else classes))
    for position, name in enumerate(names, start=1):
        if not any(letter.isalnum() for letter in name):
            found = repr(name) if name else "empty"
            raise UsageError(
                f"{option} must name every class, but number {position} of {len(names)} is {found}; "
                'write them as "cat, dog".'
            )
    check_distinct(names, option)
    if len(names) < least:
        raise UsageError(
            f"{option} must name at least two classes, not {len(names)} ({', '.join(names) or 'none'}); "
            'add another, or "other" for all else.'
        )
    return names


def check_distinct(names: Sequence[str], option: str) -> None:
    """Raise UsageError if two names are one to the text model, which knows neither capitals nor underscores."""
    seen: dict[str, str] = {}
    for name in names:
        form = readable(name).casefold()
        if form in seen:
            raise UsageError(
                f"{option} must name each class once, but {seen[form]!r} and {name!r} are one; leave one out."
            )
        seen[form] = name


def readable(name: str) -> str:
    """Return a class name as a person would write it: underscores and hyphens are spaces."""
    return " ".join(re.sub(r"[_\-–—]+", " ", printable(name)).split())


def find_rest(names: Sequence[str]) -> Rest | None:
    """Return the class that stands for all that the others are not: "other", or "not_x" beside "x".

    Parameters
    ----------
    names : sequence of str, length k

    Raises
    ------
    UsageError
        If there are several.
    """
    found = [rest for index in range(len(names)) if (rest := _as_rest(index, names)) is not None]
    if len(found) > 1:
        listed = " and ".join(repr(names[rest.index]) for rest in found)
        raise UsageError(f"Only one class may stand for all that the others are not, but {listed} do; leave one out.")
    return found[0] if found else None


def _as_rest(index: int, names: Sequence[str]) -> Rest | None:
    text = readable(names[index]).lower()
    if text in _REST:
        return Rest(index)
    negated = _NOT.fullmatch(text)
    if negated is None:
        return None
    how, apart, what = negated.groups()
    others = [name for position, name in enumerate(names) if position != index]
    beside = next((name for name in others if match([readable(name)], [what]).found), None)
    if beside is not None:
        return Rest(index, beside)
    # "No entry" is a sign and a notebook is a book, but "not a cat" is nothing in itself.
    return Rest(index) if apart and how in ("not", "non") else None
