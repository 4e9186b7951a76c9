"""The audit: everything that can be wrong with labelled images, looked for in one go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.auditing.class_balance import class_balance
from regraft.auditing.duplicates import duplicates
from regraft.auditing.findings import Audit, Cue, Order, Suspect
from regraft.auditing.label_errors import label_errors, out_of_sample
from regraft.auditing.leaks import leaks
from regraft.auditing.order import order
from regraft.auditing.shortcuts import shortcuts
from regraft.auditing.wording import EVERYTHING, WORDS
from regraft.backbones.lookup import AUTO, get_backbones
from regraft.backbones.preprocessing import Pixels, Resize
from regraft.data.dataset import NOUNS, Dataset, Skipped
from regraft.data.looks import Looks
from regraft.data.sources import read_source
from regraft.errors import DataError
from regraft.evaluation.intervals import wilson
from regraft.features.engines import EngineName
from regraft.features.extraction import extract
from regraft.features.streaming import Progress


@dataclass(frozen=True, eq=False)
class Audited:
    """Labelled images and what is wrong with them.

    Parameters
    ----------
    dataset : Dataset
        The readable images; the findings' positions count these.
    audit : Audit
    """

    dataset: Dataset
    audit: Audit


def audit(
    data: Any,
    labels: Any = None,
    *,
    backbone: str | None = None,
    weights: str | Path | None = None,
    image_size: int | None = None,
    resize: Resize | None = None,
    pool: str = AUTO,
    layer: str | None = None,
    pixels: Pixels = "weights",
    seed: int = 0,
    column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    images: str | Path | None = None,
    label_from_name: bool = False,
    engine: EngineName = "auto",
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Audited:
    """Find what is wrong with labelled images before anything is learnt from them.

    Copies, leaks from training to test, likely label errors, unreadable files, what gives a class away beside the
    subject, related neighbours, uneven classes. Unreadable files are listed, however many they are.

    Parameters
    ----------
    data, labels, column, label_column, group_column, images, label_from_name, engine, progress, announce
        As in `fit`.
    backbone, weights, image_size, resize, pool, layer, pixels
        As in `fit`: the features by which labels, order and copies are judged.
    seed : int
        Of every random choice.

    Returns
    -------
    Audited

    Raises
    ------
    RegraftError
        If the data cannot be read as labelled images, or none of them can be read.
    """
    started = time.perf_counter()
    dataset = read_source(
        data,
        labels=labels,
        column=column,
        label_column=label_column,
        group_column=group_column,
        images=images,
        label_from_name=label_from_name,
    )
    backbones = get_backbones(
        backbone,
        modality=dataset.modality,
        weights=weights,
        image_size=image_size,
        resize=resize,
        pool=pool,
        layer=layer,
        pixels=pixels,
    )
    say = announce or (lambda sentence: None)
    say(f"{dataset.count(len(dataset))} in {len(dataset.class_names):,} classes.")
    for note in dataset.notes:
        say(f"Note: {note.rstrip('.')}.")
    features = extract(
        dataset.examples,
        dataset.names,
        backbones,
        engine=engine,
        skip_unreadable=True,
        looks=True,
        progress=progress,
    )
    skipped = dataset.skipped + features.skipped
    if not len(features.index):
        why = f" ({skipped[0].name}: {skipped[0].reason})" if skipped else ""
        raise DataError(
            f"There must be at least one readable {NOUNS[dataset.modality][0]} to audit, but there is none{why}; "
            "mend the files."
        )
    for note in features.notes:
        say(note)
    readable = replace(dataset.take(features.index), skipped=skipped)
    assert features.looks is not None
    found = examine(readable, features.values, features.looks, skipped=skipped, seed=seed)
    return Audited(readable, found.timed(time.perf_counter() - started))


def examine(
    dataset: Dataset,
    values: npt.NDArray[np.float32] | None,
    looks: Looks | None,
    *,
    probabilities: npt.NDArray[np.floating] | None = None,
    index: npt.NDArray[np.integer] | None = None,
    skipped: Sequence[Skipped] = (),
    seed: int = 0,
) -> Audit:
    """Audit images whose features and looks are at hand.

    Parameters
    ----------
    dataset : Dataset
        n readable images.
    values : float32 array of shape (n, d) or None
        Features; without them neither order nor, unless probabilities are given, labels are judged.
    looks : Looks or None
        Of the same images; without them neither copies nor shortcuts are looked for.
    probabilities : float array of shape (m, k), optional
        What classifiers said of images that they had not learnt from; by default a linear probe is cross-validated.
    index : int array of shape (m,), optional
        Whose they are: positions in the dataset.
    skipped : sequence of Skipped
        What cannot be used.
    seed : int
        Of every random choice.
    """
    started = time.perf_counter()
    notes: list[str] = []
    if probabilities is None or index is None:
        probabilities, index = _probed(dataset, values, seed, notes)
    suspects: tuple[Suspect, ...] = ()
    accuracy = None
    if probabilities is not None and index is not None and len(index):
        right = np.asarray(probabilities).argmax(axis=1) == dataset.y[index]
        accuracy = float(right.mean())
        guess = np.bincount(dataset.y[index]).max() / len(index)
        if wilson(int(right.sum()), len(index))[0] > guess:
            suspects = label_errors(dataset, probabilities, index)
        else:
            notes.append(
                "Labels cannot be judged: a classifier that had not seen them is not clearly better than guessing."
            )
    groups = () if looks is None else duplicates(dataset, looks, values)
    if looks is None:
        notes.append(f"Copies and shortcuts were not looked for: the {dataset.things}' looks are not at hand.")
    balance = class_balance(dataset)
    if balance.parts and "test" not in balance.parts:
        notes.append("There is no test part, so leaks into it cannot be told; fit sets one aside.")
    return Audit(
        n=len(dataset),
        duplicates=groups,
        leaks=() if looks is None else leaks(groups, dataset.split, looks.digests),
        label_errors=suspects,
        unreadable=tuple(dict.fromkeys(skipped)),
        shortcuts=() if looks is None else _shortcuts(dataset, looks, accuracy, seed, notes),
        order=_order(dataset, values, seed, notes),
        classes=balance,
        notes=tuple(notes),
        modality=dataset.modality,
        seconds=time.perf_counter() - started,
    )


def _probed(
    dataset: Dataset, values: npt.NDArray[np.float32] | None, seed: int, notes: list[str]
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.intp] | None]:
    """Cross-validate a probe, or note why that cannot be."""
    if values is None:
        why = "there are no features"
    elif len(np.unique(dataset.y)) < 2:
        why = "there is only one class"
    elif not np.ptp(values, axis=0).any():
        why = f"all {dataset.things} have the same features"
    else:
        try:
            return out_of_sample(dataset, values, seed)
        except DataError as error:
            why = str(error)
    notes.append(f"Labels were not checked: {why}.")
    return None, None


def _shortcuts(dataset: Dataset, looks: Looks, accuracy: float | None, seed: int, notes: list[str]) -> tuple[Cue, ...]:
    cues, reason = shortcuts(dataset, looks, accuracy, seed)
    if reason is not None:
        notes.append(f"{reason[:1].upper()}{reason[1:]}.")
    elif not any(cue.found for cue in cues):
        best = max(cues, key=lambda cue: cue.accuracy)
        words = WORDS[dataset.modality]
        what = f"{words.cues} together name" if best.name == EVERYTHING else f"{best.name} names"
        notes.append(f"No shortcut: {words.without}, {what} {best.accuracy:.0%} rightly, guessing {best.guess:.0%}.")
    return cues


def _order(dataset: Dataset, values: npt.NDArray[np.float32] | None, seed: int, notes: list[str]) -> Order:
    if values is None:
        found = Order(reason="the order of the data is judged by features, and there are none")
    else:
        found = order(dataset, values, seed)
    if found.reason is not None:
        notes.append(f"{found.reason[:1].upper()}{found.reason[1:]}.")
    return found
