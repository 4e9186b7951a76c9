"""A collection of images to search: its features, from an index, from the images, or from both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.backbones.registry import Backbone
from regraft.data.dataset import NOUNS
from regraft.data.images import digest, read_bytes
from regraft.errors import DataError, Unreadable
from regraft.exploration.images import Images
from regraft.exploration.index import Entry, Index, makers, read_index, stamp, write_index
from regraft.exploration.nearest import EXACT_UP_TO, graph, rounded
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress


class Collection:
    """The features of images, kept in an index where there is a place for it.

    Parameters
    ----------
    images : Images
    backbones : tuple of Backbone
    engine, progress
        As in `search`.
    """

    def __init__(
        self, images: Images, backbones: tuple[Backbone, ...], engine: EngineName, progress: Progress | None
    ) -> None:
        self.images, self.backbones, self.engine, self.progress = images, backbones, engine, progress
        self.index: Index
        self.notes: list[str] = []

    def open(self, place: Path | None) -> list[str]:
        """Get the features, write the index where there is a place for it, and return what is to be said.

        Raises
        ------
        DataError
            If no image can be read.
        BundleError
            If the index at that place cannot be used, or not be written.
        """
        stamps = [stamp(example) for example in self.images.examples]
        old = read_index(place, self.backbones) if place is not None and place.exists() else None
        if old is not None and self._unchanged(old, stamps):
            self.index = old
            return [f"The index {place} is up to date: no {NOUNS[self.images.modality][0]} was looked at."]
        self.index, new, gone = self._features(old, stamps)
        if not len(self.index.features):
            bad = self.index.entries[0]
            raise DataError(
                f"There must be at least one readable {NOUNS[self.images.modality][0]} to search, but there is none "
                f"({bad.name}: {bad.reason}); mend the files."
            )
        if place is not None:
            if len(self.index.features) > EXACT_UP_TO:
                self.index = replace(self.index, graph=graph(self.index.features))
            write_index(self.index, place)
            held = self.images.count(len(self.index.features))
            what = f"{new:,} new or changed, {gone:,} gone" if old is not None else held
            self.notes.append(
                f"The index {place} was {'brought up to date' if old is not None else 'written'}: {what}."
            )
        elif len(self.index.features) > EXACT_UP_TO:
            self.notes.append(f"Above {self.images.count(EXACT_UP_TO)}, --index FILE makes the next search quicker.")
        return self.notes

    def _unchanged(self, old: Index, stamps: list[str]) -> bool:
        labels = self.images.labels or (None,) * len(stamps)
        was = [(entry.name, entry.stamp, entry.label) for entry in old.entries]
        return all(stamps) and was == list(zip(self.images.names, stamps, labels, strict=True))

    def _features(self, old: Index | None, stamps: list[str]) -> tuple[Index, int, int]:
        """Return an index of the images as they are, and how many images are new to the old one, and gone."""
        names, labels = self.images.names, self.images.labels or (None,) * len(stamps)
        digests = self._digests(old, stamps)
        rows = _rows(old)
        missing = [i for i, found in enumerate(digests) if found not in rows]
        features = extract(
            [self.images.examples[i] for i in missing],
            [names[i] for i in missing],
            self.backbones,
            engine=self.engine,
            precisions=None if old is None else old.precisions,
            skip_unreadable=True,
            progress=self.progress,
        )
        self.notes += features.notes
        read = {missing[int(at)]: row for at, row in zip(features.index, features.values, strict=True)}
        unread = [i for i in missing if i not in read]
        reasons = {i: skipped.reason for i, skipped in zip(unread, features.skipped, strict=True)}
        entries = tuple(
            Entry(names[i], stamps[i], "" if i in reasons else digests[i], reasons.get(i, ""), labels[i])
            for i in range(len(names))
        )
        kept = [read[i] if i in read else rows[digests[i]] for i in range(len(names)) if i not in reasons]
        values = rounded(np.stack(kept)) if kept else np.zeros((0, 0), np.float16)
        before = set() if old is None else {entry.digest for entry in old.entries}
        made_by = makers(self.backbones, features.precisions) if old is None else old.made_by
        return Index(entries, values, made_by), len(missing), len(before - set(digests) - {""})

    def _digests(self, old: Index | None, stamps: list[str]) -> list[str]:
        """Return the digest of each image; an index's own where the file is as it was."""
        known = {} if old is None else {(entry.name, entry.stamp): entry.digest for entry in old.entries}
        return [
            known.get((name, mark)) or digest_of(example)
            for name, mark, example in zip(self.images.names, stamps, self.images.examples, strict=True)
        ]


def _rows(old: Index | None) -> dict[str, npt.NDArray[np.float16]]:
    """Return an index's features by the images' digests."""
    if old is None:
        return {}
    return {e.digest: row for e, row in zip((e for e in old.entries if not e.reason), old.features, strict=True)}


def digest_of(example: Any) -> str:
    """Return the sha256 of an image; "" where it cannot be read."""
    try:
        return digest(read_bytes(example))
    except Unreadable:
        return ""
