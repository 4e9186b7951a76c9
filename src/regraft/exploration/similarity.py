"""The images that are most like another: nearest by the cosine of centred features."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.data.dataset import NOUNS, Skipped
from regraft.data.sources import list_examples
from regraft.errors import DataError, UsageError
from regraft.exploration.collection import Collection, digest_of
from regraft.exploration.images import Images, read_images
from regraft.exploration.index import Index, check_place
from regraft.exploration.nearest import Nearest
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress


@dataclass(frozen=True)
class Hit:
    """An image found.

    Parameters
    ----------
    name : str
    similarity : float
        Cosine of the centred features, -1 to 1.
    same : bool
        Whether it is the query itself, byte for byte.
    label : str or None
    position : int
        Among the images searched.
    """

    name: str
    similarity: float
    same: bool
    label: str | None
    position: int


@dataclass(frozen=True)
class Answer:
    """What was found for a query, the most alike first; `error` says why it could not be read."""

    query: str
    hits: tuple[Hit, ...]
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """Answers to queries.

    Parameters
    ----------
    answers : tuple of Answer
        One a query, in the order given.
    images : Images
        What was searched; a hit's position counts these.
    queries : list
        Where the images asked about are.
    n : int
        Readable images searched.
    method : str
        "exact" or "hnsw".
    notes : tuple of str
    skipped : tuple of Skipped
    seconds : float
    """

    answers: tuple[Answer, ...]
    images: Images
    queries: Sequence[Any]
    n: int
    method: str
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "n": self.n,
            "method": self.method,
            "answers": [_plain(answer) for answer in self.answers],
            "notes": list(self.notes),
            "skipped": [{"image": each.name, "reason": each.reason} for each in self.skipped],
            "seconds": self.seconds,
        }


def _plain(answer: Answer) -> dict[str, Any]:
    hits = [{k: v for k, v in asdict(hit).items() if k != "position"} for hit in answer.hits]
    return {"query": answer.query, "hits": hits} | ({} if answer.error is None else {"error": answer.error})


def search(
    data: Any,
    queries: Any,
    n: int = 12,
    index: str | Path | None = None,
    *,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    column: str | None = None,
    label_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Found:
    """Find the images that are most like others, by the cosine of centred features.

    Up to 100,000 images are all compared. A query that is among them is found first, and marked.

    Parameters
    ----------
    data, column, label_column, images, label_from_name, engine, progress, announce
        As in `fit`; `data` may also be images without labels.
    queries : path, bytes, array, or a list of them
        A folder stands for all images below it.
    n : int
        How many to find.
    index : path, optional
        A file for the features: written if it is not there, read if it is, and brought up to date where `data` have
        changed. For more than 100,000 images it holds a graph of neighbours as well (HNSW, extra `explore`).
    backbone, weights, image_size, resize, pool, layer, pixels
        As in `fit`.

    Returns
    -------
    Found

    Raises
    ------
    UsageError
        If `n` is below 1, or the index has no place.
    BundleError
        If the index is damaged, too new, or of another backbone.
    DataError
        If no image, or no query, can be read.

    References
    ----------
    Y. Malkov and D. Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable
    small world graphs", 2018.
    """
    started = time.perf_counter()
    if type(n) is not int or n < 1:
        raise UsageError(f"--n must be a whole number above 0, not {n!r}.")
    place = None if index is None else check_place(index)
    found = read_images(
        data,
        column=column,
        label_column=label_column,
        images=images,
        label_from_name=label_from_name,
    )
    backbones = get_backbones(
        backbone,
        modality=found.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    asked, asked_names = list_examples(queries, found.modality)
    collection = Collection(found, backbones, engine, progress)
    notes = collection.open(place)
    for note in notes:
        (announce or (lambda sentence: None))(note)
    held = collection.index
    if n > len(held.features):
        notes.append(f"There are {found.count(len(held.features))} to find, fewer than the {n:,} asked for.")
    features = extract(asked, asked_names, backbones, engine=engine, precisions=held.precisions, skip_unreadable=True)
    if not len(features.index):
        bad = features.skipped[0]
        raise DataError(
            f"The query must be {_a(found.modality)} that can be read, but {bad.name} is not ({bad.reason})."
        )
    nearest = Nearest(held)
    answers = _answers(asked, asked_names, features, held, *nearest.find(features.values, n))
    skipped = found.skipped + tuple(Skipped(entry.name, entry.reason) for entry in held.entries if entry.reason)
    seconds = time.perf_counter() - started
    return Found(answers, found, asked, len(held.features), nearest.method, (*notes, *features.notes), skipped, seconds)


def _a(modality: str) -> str:
    return f"{'an' if modality == 'image' else 'a'} {NOUNS[modality][0]}"


def _answers(
    asked: Sequence[Any],
    names: Sequence[str],
    features: Any,
    held: Index,
    similarities: np.ndarray,
    rows: np.ndarray,
) -> tuple[Answer, ...]:
    readable = [(position, entry) for position, entry in enumerate(held.entries) if not entry.reason]
    number = {int(at): row for row, at in enumerate(features.index)}
    reasons = iter(features.skipped)
    answers = []
    for i, name in enumerate(names):
        if i not in number:
            answers.append(Answer(name, (), next(reasons).reason))
            continue
        own = digest_of(asked[i])
        hits = []
        for similarity, row in zip(similarities[number[i]], rows[number[i]], strict=True):
            position, entry = readable[int(row)]
            same = entry.digest == own
            cosine = 1.0 if same else float(np.clip(similarity, -1, 1))
            hits.append(Hit(entry.name, cosine, same, entry.label, position))
        # Of equal images, the query itself stands first.
        answers.append(Answer(name, tuple(sorted(hits, key=lambda hit: not hit.same))))
    return tuple(answers)
