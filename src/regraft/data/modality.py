"""Which kind of example data are: images, texts or recordings; told by file names, and by first bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from regraft.data.dataset import NOUNS
from regraft.data.filenames import printable
from regraft.data.listing import EXTENSIONS, walk
from regraft.errors import DataError

STRAY = 0.1
"""Up to this share of the files, those of another kind are strays, such as a README beside images."""

_SOUND = re.compile(rb"RIFF.{4}WAVE|RF64|fLaC|OggS|ID3|\xff[\xe2-\xfb]|FORM.{4}AIF|\.snd", re.DOTALL)


def of_folder(folder: Path) -> str:
    """Return the modality of a folder's files at any depth; "image" where it has none of any kind.

    Raises
    ------
    DataError
        If it is a mixture.
    """
    counts: Counter[str] = Counter()
    every = tuple(extension for extensions in EXTENSIONS.values() for extension in extensions)
    for _, listing in walk(folder, extensions=every):
        counts.update(filter(None, (of_name(name) for name in listing.files + listing.broken)))
    if not counts:
        return "image"
    return _settled(counts, printable(folder))


def of_name(name: str) -> str | None:
    """Return the modality that a file's extension means, or None."""
    end = PurePath(name).suffix.lower()
    return next((modality for modality, extensions in EXTENSIONS.items() if end in extensions), None)


def of_examples(examples: Iterable[Any]) -> str:
    """Return the modality of examples as they are read: of files by name, of bytes by how they begin.

    Raises
    ------
    DataError
        If they are a mixture.
    """
    counts = Counter(filter(None, map(_of_example, examples)))
    return _settled(counts, "the list") if counts else "image"


def check_modality(found: str, expected: str, what: str) -> None:
    """Raise DataError where a classifier is given another kind of example than it learnt from.

    Parameters
    ----------
    found, expected : {"image", "text", "audio"}
    what : str
        What was given, for the message.
    """
    if found != expected:
        many = NOUNS[expected][1]
        raise DataError(
            f"This classifier names {many}, but {what} holds {NOUNS[found][1]}; give it {many}, or take a classifier "
            f"of {NOUNS[found][1]} for them."
        )


def _of_example(example: Any) -> str | None:
    if isinstance(example, Path):
        return of_name(example.name)
    if isinstance(example, str):
        return "text"
    if isinstance(example, bytes):
        return "audio" if _SOUND.match(example) else "image"
    return "image"


def _settled(counts: Counter[Any], where: str) -> str:
    """Return the modality of nearly all; raise where there are several."""
    total = counts.total()
    found = sorted(counts, key=lambda modality: -counts[modality])
    if len(found) > 1 and counts[found[1]] > STRAY * total:
        listed = " and ".join(f"{counts[each]:,} {NOUNS[str(each)][counts[each] != 1]}" for each in found)
        raise DataError(f"{where} must hold examples of one kind, but holds {listed}: put each kind in its own folder.")
    return str(found[0])
