"""What lies in a folder: files of the kind looked for, other files, folders below; safe with symbolic links."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from regraft.data.filenames import printable
from regraft.data.splits import part_of
from regraft.errors import DataError

IMAGE_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp"),
    *(".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Extensions, in lower case, of the files that are taken for images: what Pillow reads without extras."""

SOUND_EXTENSIONS = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".au")
TEXT_EXTENSIONS = (".txt", ".text")

EXTENSIONS = {"image": IMAGE_EXTENSIONS, "text": TEXT_EXTENSIONS, "audio": SOUND_EXTENSIONS}
"""Extensions of the files of each modality; one comes before another where two files share the rest of a name."""


@dataclass(frozen=True)
class Listing:
    """What lies directly in a folder, each name sorted; hidden files are left out.

    Parameters
    ----------
    folders, files, broken, others : list of str
        Names of folders, files of the kind looked for, symbolic links to such files that are gone, and all other files.
    """

    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def having(self, extensions: tuple[str, ...]) -> list[str]:
        """Return the other files that have one of these extensions."""
        return [name for name in self.others if name.lower().endswith(extensions)]


def list_folder(folder: Path, extensions: tuple[str, ...] = IMAGE_EXTENSIONS) -> Listing:
    """List a folder, and tell the files that have one of some extensions from the others.

    Raises
    ------
    DataError
        If the folder cannot be opened.
    """
    found = Listing()
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.name.startswith(".") and entry.name != "__MACOSX":
                    _kind_of(entry, found, extensions).append(entry.name)
    except OSError as error:
        raise DataError(
            f"the folder {printable(folder)} cannot be opened ({error.strerror}): check its permissions."
        ) from error
    return found


def walk(
    folder: Path,
    seen: frozenset[tuple[int, int]] = frozenset(),
    extensions: tuple[str, ...] = IMAGE_EXTENSIONS,
) -> Iterator[tuple[Path, Listing]]:
    """Yield a folder and the folders below it, each once, though symbolic links may loop.

    Parameters
    ----------
    folder : Path
        Where to begin.
    seen : frozenset of (device, inode)
        Folders not to enter, such as those above.
    extensions : tuple of str
        Of the files that are looked for.

    Yields
    ------
    folder, listing
        Sorted, from the top down.
    """
    entered = set(seen)
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        if (key := identity(here)) in entered:
            continue
        entered.add(key)
        listing = list_folder(here, extensions)
        yield here, listing
        waiting += [here / name for name in reversed(listing.folders)]


def descend(
    folder: Path,
    *,
    classes: frozenset[str] = frozenset(),
    stop_at: tuple[str, ...] = (),
    extensions: tuple[str, ...] = IMAGE_EXTENSIONS,
) -> Path:
    """Return the folder where the data begin: below folders that hold just one folder, as after unzipping.

    Parameters
    ----------
    folder : Path
        Where to begin.
    classes : frozenset of str
        Names of class folders, which are not descended into.
    stop_at : tuple of str
        Extensions of files that are data themselves, beside those looked for.
    extensions : tuple of str
        Of the files that are looked for.
    """
    for here, listing in walk(folder, extensions=extensions):
        if len(listing.folders) != 1 or listing.files or listing.broken or listing.having(stop_at):
            return here
        child = here / listing.folders[0]
        below = list_folder(child, extensions)
        wraps = below.folders or below.having(stop_at) or part_of(child.name) or child.name == here.name
        if not wraps or child.name in classes:
            return here  # a lone folder of files is a class
    return folder


def inventory(folder: Path, extensions: tuple[str, ...] = IMAGE_EXTENSIONS) -> str:
    """Return what a folder without the files looked for holds, in words."""
    found: Counter[str] = Counter()
    for here, listing in walk(folder, extensions=extensions):
        found["folders"] += here != folder
        found["broken links"] += len(listing.broken)
        found.update(f"{PurePath(name).suffix.lower() or 'other'} files" for name in listing.others)
    return ", ".join(f"{n} {what}" for what, n in found.most_common(6) if n) or "nothing"


def _kind_of(entry: os.DirEntry[str], found: Listing, extensions: tuple[str, ...]) -> list[str]:
    """Return the list of `found` that a directory entry belongs to."""
    wanted = entry.name.lower().endswith(extensions)
    try:
        if entry.is_dir():
            return found.folders
        if entry.is_file():
            return found.files if wanted else found.others
    except OSError:  # a symbolic link that points at itself
        pass
    return found.broken if wanted and entry.is_symlink() else found.others


def identity(folder: Path) -> tuple[int, int]:
    """Return what tells a folder from all others, whatever symbolic link led to it."""
    try:
        status = folder.stat()
    except OSError as error:
        raise DataError(f"the folder {printable(folder)} cannot be opened ({error.strerror}).") from error
    return status.st_dev, status.st_ino
