"""What a file's name says: how it is shown, and the label that it starts with."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

_TOKEN = re.compile(r"[^\s._()\-]+")
_FILLERS = frozenset({"img", "image", "photo", "pic", "picture", "dsc", "dscn", "frame", "copy"})


def printable(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text that can always be printed and stored: bytes that are not UTF-8 become \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def on_one_line(error: Exception) -> str:
    """Return what a library says of foreign bytes as a part of a sentence; where it says nothing, the error's kind."""
    said = "".join(character if character.isprintable() else " " for character in str(error))
    return " ".join(said.split()).rstrip(".: ") or type(error).__name__


def labels_from_names(names: Sequence[str]) -> list[str]:
    """Return the label that each file name starts with: what is left when the number behind it is cut.

    `cat.0.jpg` is cat, `hot_dog_12.jpg` is hot_dog, and where every name starts with a number that
    repeats, as in `0_IMG_1.jpg`, that number is the label. Names are judged together, since only
    what repeats can be a label.

    Parameters
    ----------
    names : sequence of str, length n
        File names with their extensions, without folders.

    Returns
    -------
    list of str, length n
        The labels; `tells_classes` says whether they make sense.
    """
    stems = [PurePath(name).stem for name in names]
    tokens = [_TOKEN.findall(stem) for stem in stems]
    first = [found[0] if found else "" for found in tokens]
    if all(token.isdecimal() for token in first) and tells_classes(first):
        return first
    kept = [_without_number(found, all_numbers=True) for found in tokens]
    if len({tuple(found) for found in kept}) < 2:
        kept = [_without_number(found, all_numbers=False) for found in tokens]
    kept = _without_unique_ends(kept)
    return [_start(stem, len(found)) for stem, found in zip(stems, kept, strict=True)]


def tells_classes(labels: Sequence[str]) -> bool:
    """Whether labels taken from names look like classes: two or more, and twice as many names."""
    return 2 <= len(set(labels)) <= len(labels) / 2


def _without_number(tokens: list[str], *, all_numbers: bool) -> list[str]:
    """Cut the example's number, and, with `all_numbers`, all further numbers and words such as IMG."""
    end = len(tokens)
    while end > 1 and (_has_digit(tokens[end - 1]) or tokens[end - 1].lower() in _FILLERS):
        numbered = _has_digit(tokens[end - 1])
        end -= 1
        if numbered and not all_numbers:
            break
    while end > 1 and tokens[end - 1].lower() in _FILLERS:
        end -= 1
    return tokens[:end]


def _without_unique_ends(labels: list[list[str]]) -> list[list[str]]:
    """Where most labels occur once, their ends are identifiers without digits: cut until they repeat."""
    counts = Counter(map(tuple, labels))
    if sum(count == 1 for count in counts.values()) <= len(counts) / 2:
        return labels
    while any(counts[tuple(label)] == 1 and len(label) > 1 for label in labels):
        labels = [label[:-1] if counts[tuple(label)] == 1 and len(label) > 1 else label for label in labels]
        counts = Counter(map(tuple, labels))
    return labels


def _start(stem: str, n_tokens: int) -> str:
    """Return the stem up to the end of its n-th token, separators as they are written."""
    found = list(_TOKEN.finditer(stem))
    if not found:
        return stem
    label = stem[found[0].start() : found[n_tokens - 1].end()]
    return (label.rstrip("0123456789") or label) if len(found) == 1 else label


def _has_digit(token: str) -> bool:
    return any(character.isdecimal() for character in token)
