"""Folders of class folders, with or without train, val and test above them, or labels in the file names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from regraft.data.columns import TABLE_EXTENSIONS
from regraft.data.dataset import NOUNS, SPLITS, Dataset, Skipped
from regraft.data.filenames import labels_from_names, printable, tells_classes
from regraft.data.labels import class_order, labelled
from regraft.data.listing import EXTENSIONS, Listing, descend, identity, inventory, list_folder, walk
from regraft.data.splits import part_of
from regraft.errors import DataError


def read_folder(
    folder: Path, *, label_from_name: bool = False, modality: str = "image", learns: bool = True
) -> Dataset:
    """Read a folder of class folders, or of train, val and test folders that hold them.

    Parameters
    ----------
    folder : Path
        The class of an example is the name of its class folder; it may lie at any depth below it.
    label_from_name : bool
        Take the class from the start of the file name instead, as in `cat.0.jpg`.
    modality : {"image", "text", "audio"}
        Which files are read.
    learns : bool
        As in `labelled`.

    Returns
    -------
    Dataset
        With its own split where there are train and evaluation folders.

    Raises
    ------
    DataError
        If there are no such files, no class folders, only one class, no training folder beside evaluation
        folders, or a class that is evaluated but never learnt.
    """
    reading = _Reading(folder, modality)
    top = descend(folder, extensions=reading.extensions)
    parts = _split_folders(top)
    called = {split: f"{printable(path.name)}/" for path, split in parts.items()}
    for path, split in parts.items() or {top: "train"}.items():
        if label_from_name:
            reading.take(path, "", split)
        else:
            reading.take_class_folders(path, split)
    if not reading.found:
        extensions = ", ".join(reading.extensions)
        raise DataError(
            f"{printable(folder)} holds no {reading.things}: found {inventory(folder, reading.extensions)}, and "
            f"{reading.things} end in {extensions}."
        )
    if label_from_name:
        reading.label_by_name(called)
    elif learns and len({image.label for image in reading.found}) == 1:
        _check_whether_names_tell_more(reading.found)
    reading.note_what_is_not_read(top, list(parts))
    return labelled(
        [image.path for image in reading.found],
        [reading.name(image.path) for image in reading.found],
        [image.label for image in reading.found],
        split=[image.split for image in reading.found] if parts else None,
        called=called,
        name=printable(folder.resolve().name),
        notes=reading.notes,
        skipped=reading.skipped,
        modality=modality,
        learns=learns,
    )


@dataclass(frozen=True)
class _Image:
    path: Path
    label: str
    split: str


class _Reading:
    """What has been read of a folder so far."""

    def __init__(self, source: Path, modality: str) -> None:
        self.source, self.modality = source, modality
        self.extensions, self.things = EXTENSIONS[modality], NOUNS[modality][1]
        self.found: list[_Image] = []
        self.notes: list[str] = []
        self.skipped: list[Skipped] = []
        self.n_others = 0

    def name(self, path: Path) -> str:
        """Return what the user calls a path: its part below the source."""
        return printable(path.relative_to(self.source).as_posix())

    def take(self, folder: Path, label: str, split: str, above: frozenset[tuple[int, int]] = frozenset()) -> int:
        """Take all files at any depth below a folder, and return how many there are."""
        before = len(self.found)
        for here, listing in walk(folder, above, self.extensions):
            self.found += [_Image(here / name, label, split) for name in listing.files]
            self._leave_out(here, listing)
        return len(self.found) - before

    def take_class_folders(self, part: Path, split: str) -> None:
        """Take the class folders of one part of the split."""
        top = descend(part, classes=frozenset(image.label for image in self.found), extensions=self.extensions)
        listing = list_folder(top, self.extensions)
        above = frozenset(identity(path) for path in (self.source, part, top))
        empty = [name for name in listing.folders if not self.take(top / name, printable(name), split, above)]
        self._leave_out(top, listing)
        if listing.files and len(empty) == len(listing.folders):
            if split == "train":
                raise _flat_error(top, listing, self.modality)
            self.notes.append(_unlabelled_note(self.name(top), len(listing.files), self.modality))
            return
        if empty:
            self.notes.append(
                f"no class, for want of {self.things}: {', '.join(self.name(top / name) for name in empty)}/"
            )
        if listing.files:
            first = self.name(top / listing.files[0])
            self.notes.append(f"left out, in no class folder: {first} ({_n(len(listing.files), self.modality)} in all)")

    def label_by_name(self, called: dict[str, str]) -> None:
        """Label all images by the start of their names; an evaluation part of other names is unlabelled."""
        labels = labels_from_names([image.path.name for image in self.found])
        if not tells_classes(
            [label for label, image in zip(labels, self.found, strict=True) if image.split == "train"]
        ):
            raise DataError(
                f"the file names in {printable(self.source)}, such as "
                f"{printable(self.found[0].path.name)}, do not start with a label that repeats: "
                f"put each class in its own folder, or give a table of labels."
            )
        self.found = [replace(image, label=printable(label)) for image, label in zip(self.found, labels, strict=True)]
        learnt = {image.label for image in self.found if image.split == "train"}
        for split in SPLITS[1:]:
            part = [image for image in self.found if image.split == split]
            if part and not any(image.label in learnt for image in part):
                self.notes.append(_unlabelled_note(called[split].rstrip("/"), len(part), self.modality))
                self.found = [image for image in self.found if image.split != split]
        first = self.found[0]
        self.notes.append(
            f"labels are the start of the file names: {printable(first.path.name)} is {first.label!r}; "
            f"{len(learnt)} classes, {_few(class_order(learnt))}"
        )

    def note_what_is_not_read(self, top: Path, parts: list[Path]) -> None:
        """Say which folders beside train, val and test are not read, and how many files are no images."""
        beside = [top / name for name in list_folder(top).folders if top / name not in parts]
        if parts and beside:
            self.notes.append(f"not read: {', '.join(f'{self.name(path)}/' for path in beside)}")
        if self.n_others:
            self.notes.append(
                f"left out, not {self.things}: {self.n_others} {'file' if self.n_others == 1 else 'files'}"
            )

    def _leave_out(self, here: Path, listing: Listing) -> None:
        self.skipped += [Skipped(self.name(here / name), "broken symbolic link") for name in listing.broken]
        self.n_others += len(listing.others)


def _split_folders(top: Path) -> dict[Path, str]:
    """Return the train, val and test folders in that order, or {} where there are none."""
    folders = [top / name for name in list_folder(top).folders]
    parts = {path: part for path in folders if (part := part_of(path.name))}
    present = set(parts.values())
    if len(present) < 2 or ("train" not in present and len(parts) < len(folders)):
        return {}
    return dict(sorted(parts.items(), key=lambda item: SPLITS.index(item[1])))


def _check_whether_names_tell_more(found: list[_Image]) -> None:
    """Raise for one class folder whose file names start with several labels."""
    by_name = labels_from_names([image.path.name for image in found])
    if tells_classes(by_name):
        raise DataError(
            f"there is only one class folder, {found[0].label!r}, and at least two are needed: {_suggestion(by_name)}."
        )


def _flat_error(folder: Path, listing: Listing, modality: str) -> DataError:
    """Return the error for files that lie in no class folder, with what could be done."""
    by_name = labels_from_names(listing.files)
    remedy = f"put each class in its own folder, or give a table of {NOUNS[modality][1]} and labels"
    if tells_classes(by_name):
        remedy = _suggestion(by_name)
    tables = [name for place in (folder, folder.parent) for name in list_folder(place).having(TABLE_EXTENSIONS)]
    if tables:
        remedy += f"; or, if the labels are in {' or '.join(map(printable, tables))}, give that file"
    return DataError(f"{printable(folder)} holds {_n(len(listing.files), modality)} and no class folders: {remedy}.")


def _suggestion(by_name: list[str]) -> str:
    classes = [printable(label) for label in class_order(by_name)]
    return f"if the file names start with the label, add --label-from-name (it gives {_few(classes)})"


def _unlabelled_note(name: str, n: int, modality: str) -> str:
    return f"{name}/ is not used: its {_n(n, modality)} have no labels"


def _few(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _n(n: int, modality: str) -> str:
    return f"{n} {NOUNS[modality][n != 1]}"
